// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/involution.hpp>  // InvolutionBody
#include <eqsr/cuda/launch.hpp>             // run_each
#include <eqsr/layer/involution.hpp>        // op::Involution

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::Involution, Cuda> {
  template <int C, int K>
  static void run(Context<Cuda>& ctx, Plane<const float, C> x, Plane<const float, K> k,
                  Plane<const float, 9> g, Plane<float, C> y) {
    gpu::run_each<gpu::InvolutionBody>(
        ctx, x.size(), {x.data(), k.data(), g.data(), y.data(), extent<'h'>(x), extent<'w'>(x), C});
  }
};

}}  // namespace eqsr::EQSR_ABI
