// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/eca.hpp>  // EcaBody
#include <eqsr/cuda/launch.hpp>      // run
#include <eqsr/layer/eca.hpp>        // op::Eca

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

inline void eca_gate(Context<Cuda>& ctx, const EcaBody::Params& params) {
  run<EcaBody>(ctx, ceil_div(params.channels, EcaBody::own), 1, EcaBody::max_threads,
               EcaBody::shared_bytes(params.taps), params);
}

}  // namespace gpu

template <>
struct Kernel<op::Eca, Cuda> {
  template <int C>
  static void run(Context<Cuda>& ctx, Channels<const float, C> mean, const auto& layer,
                  Channels<float, C> gate) {
    gpu::eca_gate(ctx, {.mean = mean.data(),
                        .contract = nullptr,
                        .bias = nullptr,
                        .weight = layer.weight.data(),
                        .gate = gate.data(),
                        .channels = C,
                        .hidden = 0,
                        .taps = eca_taps(C)});
  }
};

}}  // namespace eqsr::EQSR_ABI
