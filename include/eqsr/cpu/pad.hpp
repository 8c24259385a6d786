// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/context.hpp>  // Context<Cpu>
#include <eqsr/layer/pad.hpp>         // op::ReflectPad, op::Crop

#include <algorithm>  // copy_n

namespace eqsr { inline namespace EQSR_ABI {

/// Three channels of the small image: the specification is fast enough.
template <>
struct Kernel<op::ReflectPad, Cpu> : Kernel<op::ReflectPad, Reference> {};

template <>
struct Kernel<op::Crop, Cpu> {
  template <int C>
  static void run(Context<Cpu>&, Plane<const float, C> x, Plane<float, C> y) {
    const Index width = extent<'w'>(y);
    for (Index h = 0; h < extent<'h'>(y); ++h)
      std::copy_n(x.data() + h * extent<'w'>(x) * C, width * C, y.data() + h * width * C);
  }
};

}}  // namespace eqsr::EQSR_ABI
