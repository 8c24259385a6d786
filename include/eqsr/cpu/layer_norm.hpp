// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>     // for_each_chunk, normalise
#include <eqsr/layer/layer_norm.hpp>  // op::LayerNorm

namespace eqsr { inline namespace EQSR_ABI {

namespace cpu {

[[gnu::noinline]] inline void layer_norm(Context<Cpu>& ctx, Rows<const float> x, const Norm& norm,
                                         Activation activation, Rows<float> y) {
  const Index channels = x.extent<'c'>();
  for_each_chunk(ctx, x.extent<'m'>(), 64, [&](Index first, Index size, int) {
    normalise(loops_of(ctx.isa()), Rows<const float>(x.data() + first * channels, size, channels),
              norm, y.data() + first * channels, activation);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::LayerNorm, Cpu> {
  static void run(Context<Cpu>& ctx, Rows<const float> x, const auto& layer, Rows<float> y,
                  Activation activation) {
    cpu::layer_norm(ctx, x, cpu::norm_of(layer), activation, y);
  }
};

}}  // namespace eqsr::EQSR_ABI
