// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>     // for_each_chunk
#include <eqsr/layer/activation.hpp>  // op::Activate

namespace eqsr { inline namespace EQSR_ABI {

namespace cpu {

[[gnu::noinline]] inline void activate(Context<Cpu>& ctx, Activation kind, const float* x,
                                       const float* addend, Index count, float* y) {
  constexpr Index block = 4096;  // a multiple of every vector's width
  for_each_chunk(ctx, count, block, [&](Index first, Index size, int) {
    with_isa(ctx.isa(), [&](auto simd) {
      simd.activate_row(x + first, addend ? addend + first : nullptr, size, kind, y + first);
    });
  });
}

}  // namespace cpu

template <>
struct Kernel<op::Activate, Cpu> {
  template <int C>
  static void run(Context<Cpu>& ctx, Activation kind, Rows<const float, C> x,
                  Rows<const float, C> addend, Rows<float, C> y) {
    cpu::activate(ctx, kind, x.data(), addend.data(), x.size(), y.data());
  }
};

}}  // namespace eqsr::EQSR_ABI
