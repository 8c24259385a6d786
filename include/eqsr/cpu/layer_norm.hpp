// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>          // with_isa
#include <eqsr/layer/layer_norm.hpp>  // op::LayerNorm

namespace eqsr { inline namespace EQSR_ABI {

namespace cpu {

[[gnu::noinline]] inline void layer_norm(Context<Cpu>& ctx, const float* x, Index count,
                                         int channels, const float* weight, const float* bias,
                                         Activation activation, float* y) {
  constexpr Index group = 64;
  ctx.parallel_for((count + group - 1) / group, [&](Index block, int) {
    with_isa(ctx.isa(), [&](auto simd) {
      for (Index m = block * group; m < (std::min)(count, (block + 1) * group); ++m)
        simd.layer_norm(x + m * channels, channels, weight, bias,
                        static_cast<float>(layer_norm_epsilon), activation, y + m * channels);
    });
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
