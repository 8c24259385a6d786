// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/layer_norm.hpp>  // LayerNormBody
#include <eqsr/cuda/launch.hpp>             // run
#include <eqsr/layer/layer_norm.hpp>        // op::LayerNorm

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

inline void layer_norm(Context<Cuda>& ctx, const float* x, Index rows, int channels,
                       const float* weight, const float* bias, Activation activation, float* y) {
  run_rows<LayerNormBody>(ctx, rows,
                          {.x = x,
                           .weight = weight,
                           .bias = bias,
                           .y = y,
                           .count = rows,
                           .channels = channels,
                           .epsilon = static_cast<float>(layer_norm_epsilon),
                           .activation = activation});
}

}  // namespace gpu

template <>
struct Kernel<op::LayerNorm, Cuda> {
  template <int C>
  static void run(Context<Cuda>& ctx, Rows<const float, C> x, const auto& layer, Rows<float, C> y,
                  Activation activation) {
    gpu::layer_norm(ctx, x.data(), extent<'m'>(x), C, layer.weight.data(), layer.bias.data(),
                    activation, y.data());
  }
};

}}  // namespace eqsr::EQSR_ABI
