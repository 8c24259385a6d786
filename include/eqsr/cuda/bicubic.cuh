// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/bicubic.hpp>  // BicubicBody
#include <eqsr/cuda/launch.hpp>          // run_each
#include <eqsr/layer/bicubic.hpp>        // op::Bicubic

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::Bicubic, Cuda> {
  template <int C>
  static void run(Context<Cuda>& ctx, Plane<const float, C> x, Plane<float, C> y, Index first,
                  Index height) {
    gpu::run_each<gpu::BicubicBody>(
        ctx, y.size() / C,
        {x.data(), y.data(), gpu::Cells(height), gpu::Cells(extent<'w'>(y)), first, extent<'h'>(y),
         extent<'h'>(x), extent<'w'>(x), C});
  }
};

}}  // namespace eqsr::EQSR_ABI
