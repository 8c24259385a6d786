// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/plan.hpp>  // Cost

namespace eqsr { inline namespace EQSR_ABI {

/// The source of position i beyond the end of n pixels, by reflection without repeating the edge
/// (period 2 (n-1)); a single pixel repeats.
EQSR_HD constexpr Index reflected(Index i, Index n) {
  if (n == 1) return 0;
  const Index phase = i % (2 * (n - 1));
  return phase < n ? phase : 2 * (n - 1) - phase;
}

namespace op {
/// Pads on the right and at the bottom by reflection, since windows need multiples of their size.
///
///     y(h, w, c) = x(reflected(h), reflected(w), c)
///
/// Shapes    x (h, w, c)   y (h', w', c) with h' >= h, w' >= w
/// Source    paper section 3.1
struct ReflectPad {
  template <int C>
  static Cost cost(Plane<const float, C>, Plane<float, C> y) {
    return {.flops = 0, .bytes = 8.0 * double(y.size())};
  }
};

/// Crops to the upper left: y(h, w, c) = x(h, w, c).
/// Shapes    x (h', w', c)   y (h, w, c) with h <= h', w <= w'
struct Crop {
  template <int C>
  static Cost cost(Plane<const float, C>, Plane<float, C> y) {
    return {.flops = 0, .bytes = 8.0 * double(y.size())};
  }
};
}  // namespace op

template <>
struct Kernel<op::ReflectPad, Reference> {
  template <int C>
  static void run(auto&, Plane<const float, C> x, Plane<float, C> y) {
    const Index height = extent<'h'>(x), width = extent<'w'>(x);
    for (Index h = 0; h < extent<'h'>(y); ++h)
      for (Index w = 0; w < extent<'w'>(y); ++w)
        for (int c = 0; c < C; ++c) y(h, w, c) = x(reflected(h, height), reflected(w, width), c);
  }
};

template <>
struct Kernel<op::Crop, Reference> {
  template <int C>
  static void run(auto&, Plane<const float, C> x, Plane<float, C> y) {
    for (Index h = 0; h < extent<'h'>(y); ++h)
      for (Index w = 0; w < extent<'w'>(y); ++w)
        for (int c = 0; c < C; ++c) y(h, w, c) = x(h, w, c);
  }
};

}}  // namespace eqsr::EQSR_ABI
