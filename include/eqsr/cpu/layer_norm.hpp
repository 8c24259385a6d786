// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>     // for_each_chunk, normalise
#include <eqsr/layer/layer_norm.hpp>  // op::LayerNorm

namespace eqsr { inline namespace EQSR_ABI {

namespace cpu {

[[gnu::noinline]] inline void layer_norm(Context<Cpu>& ctx, const float* x, Index count,
                                         int channels, const float* weight, const float* bias,
                                         Activation activation, float* y) {
  for_each_chunk(ctx, count, 64, [&](Index first, Index size, int) {
    normalise(ctx.isa(), x + first * channels, size, channels, weight, bias, y + first * channels,
              activation);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::LayerNorm, Cpu> {
  template <int C>
  static void run(Context<Cpu>& ctx, Rows<const float, C> x, const auto& layer, Rows<float, C> y,
                  Activation activation) {
    cpu::layer_norm(ctx, x.data(), x.template extent<'m'>(), C, layer.weight.data(),
                    layer.bias.data(), activation, y.data());
  }
};

}}  // namespace eqsr::EQSR_ABI
