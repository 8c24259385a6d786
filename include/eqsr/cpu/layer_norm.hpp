// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>          // with_isa
#include <eqsr/layer/layer_norm.hpp>  // op::LayerNorm

namespace eqsr::inline EQSR_ABI {

template <>
struct Kernel<op::LayerNorm, Cpu> {
  template <int C>
  static void run(Context<Cpu>& ctx, Rows<const float, C> x, const auto& layer, Rows<float, C> y,
                  Activation activation) {
    const float* weight = layer.weight.data();
    const float* bias = layer.bias.data();
    constexpr Index group = 64;
    const Index count = x.template extent<'m'>();
    ctx.parallel_for((count + group - 1) / group, [&](Index block, int) {
      with_isa(ctx.isa(), [&](auto simd) {
        for (Index m = block * group; m < std::min(count, (block + 1) * group); ++m)
          simd.layer_norm(x.data() + m * C, C, weight, bias, static_cast<float>(layer_norm_epsilon),
                          activation, y.data() + m * C);
      });
    });
  }
};

}  // namespace eqsr::inline EQSR_ABI
