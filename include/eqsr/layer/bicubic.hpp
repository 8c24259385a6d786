// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/query_grid.hpp>  // cell_centre

#include <array>  // array

namespace eqsr { inline namespace EQSR_ABI {

/// Four taps of cubic interpolation at one target position.
struct CubicTaps {
  std::array<Index, 4> source;   ///< clamped to the image
  std::array<double, 4> weight;  ///< sums to one
};

/// The taps of target position I of N on a source of n pixels, kernel a = -0.75, clamped edges.
[[gnu::noinline]] inline CubicTaps cubic_taps(Index I, Index N, Index n) {
  const float centre = cell_centre(I, N);
  const float position = fl(fl(fl(fl(centre + 1.0f) * static_cast<float>(n)) - 1.0f) / 2.0f);
  const double whole = std::floor(double(position)), t = position - whole;
  constexpr double a = -0.75;
  const auto near = [](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  CubicTaps taps{{}, {far(t + 1), near(t), near(1 - t), far(2 - t)}};
  for (int k = 0; k < 4; ++k)
    taps.source[static_cast<std::size_t>(k)] =
        std::clamp<Index>(static_cast<Index>(whole) - 1 + k, 0, n - 1);
  return taps;
}

namespace op {
/// Adds the interpolated source image to some rows of the target, from row `first` of `height`.
///
///     y(H, W, c) += sum over ky, kx of weight_ky weight_kx x(source_ky, source_kx, c)
///
/// Shapes    x (h, w, c)   y (H, W, c)
/// Rounding  positions in float32 as in the query grid; sums in double
/// Source    none of the paper; `ImageSkip::bicubic`. Equals PyTorch's grid_sample(bicubic,
///           border, align_corners = False) at the cell centres
struct Bicubic {
  template <int C>
  static Cost cost(Plane<const float, C>, Plane<float, C> y, Index, Index) {
    return {.flops = 40.0 * double(y.size()), .bytes = 8.0 * double(y.size())};
  }
};
}  // namespace op

template <>
struct Kernel<op::Bicubic, Reference> {
  template <int C>
  static void run(auto&, Plane<const float, C> x, Plane<float, C> y, Index first, Index height) {
    const Index width = extent<'w'>(y);
    for (Index h = 0; h < extent<'h'>(y); ++h) {
      const CubicTaps down = cubic_taps(first + h, height, extent<'h'>(x));
      for (Index w = 0; w < width; ++w) {
        const CubicTaps across = cubic_taps(w, width, extent<'w'>(x));
        for (int c = 0; c < C; ++c) {
          double sum = 0;
          for (std::size_t ky = 0; ky < 4; ++ky)
            for (std::size_t kx = 0; kx < 4; ++kx)
              sum += down.weight[ky] * across.weight[kx] * x(down.source[ky], across.source[kx], c);
          y(h, w, c) = static_cast<float>(y(h, w, c) + sum);
        }
      }
    }
  }
};

}}  // namespace eqsr::EQSR_ABI
