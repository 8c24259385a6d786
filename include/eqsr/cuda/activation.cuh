// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/activation.hpp>  // ActivateBody
#include <eqsr/cuda/launch.hpp>             // run_each

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::Activate, Cuda> {
  template <int C>
  static void run(Context<Cuda>& ctx, Activation kind, Rows<const float, C> x,
                  Rows<const float, C> addend, Rows<float, C> y) {
    gpu::run_each<gpu::ActivateBody>(
        ctx, x.size(),
        {.x = x.data(), .addend = addend.data(), .y = y.data(), .count = x.size(), .kind = kind});
  }
};

}}  // namespace eqsr::EQSR_ABI
