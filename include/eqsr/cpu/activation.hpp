// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>     // for_each_chunk
#include <eqsr/layer/activation.hpp>  // op::Activate

namespace eqsr { inline namespace EQSR_ABI {

namespace cpu {

/// y = activation(x + addend), element by element; the addend may be empty.
[[gnu::noinline]] inline void activate(Context<Cpu>& ctx, Activation kind, Rows<const float> x,
                                       Rows<const float> addend, Rows<float> y) {
  constexpr Index block = 4096;  // a multiple of every vector's width
  const Loops& loops = loops_of(ctx.isa());
  for_each_chunk(ctx, x.size(), block, [&](Index first, Index size, int) {
    loops.activate_row(x.data() + first, addend.empty() ? nullptr : addend.data() + first, size,
                       kind, y.data() + first);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::Activate, Cpu> {
  static void run(Context<Cpu>& ctx, Activation kind, Rows<const float> x, Rows<const float> addend,
                  Rows<float> y) {
    cpu::activate(ctx, kind, x, addend, y);
  }
};

}}  // namespace eqsr::EQSR_ABI
