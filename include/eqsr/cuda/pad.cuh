// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/pad.hpp>  // ReflectBody
#include <eqsr/cuda/launch.hpp>      // run_rows

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::ReflectPad, Cuda> {
  template <int C>
  static void run(Context<Cuda>& ctx, Plane<const float, C> x, Plane<float, C> y) {
    gpu::run_rows<gpu::ReflectBody>(
        ctx, y.size() / C,
        {x.data(), y.data(), extent<'h'>(x), extent<'w'>(x), extent<'h'>(y), extent<'w'>(y), C});
  }
};

/// A crop is a reflection that never reaches the edge.
template <>
struct Kernel<op::Crop, Cuda> {
  template <int C>
  static void run(Context<Cuda>& ctx, Plane<const float, C> x, Plane<float, C> y) {
    Kernel<op::ReflectPad, Cuda>::run(ctx, x, y);
  }
};

}}  // namespace eqsr::EQSR_ABI
