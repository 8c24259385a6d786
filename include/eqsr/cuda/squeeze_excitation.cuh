// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/squeeze_excitation.hpp>  // SqueezeExcitationBody
#include <eqsr/cuda/launch.hpp>                     // run
#include <eqsr/layer/squeeze_excitation.hpp>        // op::SqueezeExcitation

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::SqueezeExcitation, Cuda> {
  template <int C>
  static void run(Context<Cuda>& ctx, Channels<const float, C> mean, const auto& layer,
                  Channels<float, C> gate) {
    using Body = gpu::SqueezeExcitationBody;
    const int hidden = static_cast<int>(extent<'o'>(layer.squeeze));
    gpu::run<Body>(ctx, 1, 1, Body::max_threads, Body::shared_bytes(hidden),
                   {.mean = mean.data(),
                    .squeeze = layer.squeeze.data(),
                    .excite = layer.excite.data(),
                    .gate = gate.data(),
                    .channels = C,
                    .hidden = hidden});
  }
};

}}  // namespace eqsr::EQSR_ABI
