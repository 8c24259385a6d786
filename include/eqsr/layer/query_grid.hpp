// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/plan.hpp>      // Cost
#include <eqsr/core/rounding.hpp>  // fl

#include <algorithm>  // clamp
#include <cmath>      // nearbyint, exp
#include <cstdint>    // int32_t

namespace eqsr { inline namespace EQSR_ABI {

/// The centre of cell i of an n-grid on [-1, 1]: fl( fl(-1 + 1/n) + fl( fl(2/n) i ) ).
inline float cell_centre(Index i, Index n) {
  const float first = static_cast<float>(-1.0 + 1.0 / double(n));
  const float step = static_cast<float>(2.0 / double(n));
  return fl(first + fl(step * static_cast<float>(i)));
}

/// The source pixel nearest to a target coordinate: rint(fl(fl(fl(fl(c + 1) n) - 1) / 2)), ties to
/// even. *Quirk*: at exact ties float32 rounding decides. Clamped to the image.
inline Index nearest_source(float centre, Index n) {
  const float position = fl(fl(fl(fl(centre + 1.0f) * static_cast<float>(n)) - 1.0f) / 2.0f);
  return std::clamp<Index>(static_cast<Index>(std::nearbyint(position)), 0, n - 1);
}

/// The offset of a target coordinate from a source pixel, in half-pixels of the source.
inline float relative_offset(float from, float to, Index n) {
  return fl(fl(from - to) * static_cast<float>(n));
}

/// One axis of a target grid, tables over its N positions.
template <class I, class F>
struct QueryAxisOf {
  View<I, Axis<'m'>> index;                ///< nearest source position
  View<F, Axis<'m'>> relative;             ///< offset from it: about [-1, 1]
  View<F, Axis<'m'>, Axis<'k', 3>> delta;  ///< from me to the source of my neighbours -1, 0, +1

  template <class J = I>
  requires(!std::is_const_v<J>) operator QueryAxisOf<const J, const F>() const {
    return {index, relative, delta};
  }
};
using QueryAxis = QueryAxisOf<std::int32_t, float>;
using ConstQueryAxis = QueryAxisOf<const std::int32_t, const float>;

namespace op {
/// The query grid along one axis: target position I of N, source of n pixels.
///   index(I)    = nearest source position of c_N(I)
///   relative(I) = fl( fl(c_N(I) - c_n(index(I))) n )
///   delta(I, t) = fl( fl(c_n(index(I+t-1)) - c_N(I)) n ),  0 where I+t-1 is outside the image
/// Rounding  float32 in exactly this order (cell_centre, nearest_source, relative_offset)
/// Source    paper section 3.4; the two axes are independent
struct QueryGrid {
  static Cost cost(Index, QueryAxis axis) { return of(double(axis.index.size())); }
  static Cost of(double positions) { return {.flops = 24 * positions, .bytes = 20 * positions}; }
};

/// How much a neighbour's pixel counts, from its distance.
///   g(h, w, 3 ky + kx) = exp( -(dx² + dy²) / (2 lengthscale²) ),  dx = columns.delta(w, kx), ...
/// Shapes    columns of W, rows of H positions   g (h, w, c = 9)
/// Rounding  squares and their sum in float32; the exponential is accurate to a few ulp
/// Source    `upsample.rbf1`; paper section 3.4
struct DistanceFactor {
  static Cost cost(ConstQueryAxis, ConstQueryAxis, const auto&, Plane<float, 9> g) {
    return of(double(g.size()));
  }
  static Cost of(double numbers) { return {.flops = 2 * numbers, .bytes = 4 * numbers}; }
};
}  // namespace op

template <>
struct Kernel<op::QueryGrid, Reference> {
  static void run(auto&, Index n, QueryAxis axis) {
    const Index N = axis.index.size();
    for (Index I = 0; I < N; ++I) {
      const float centre = cell_centre(I, N);
      const Index nearest = nearest_source(centre, n);
      axis.index(I) = static_cast<std::int32_t>(nearest);
      axis.relative(I) = relative_offset(centre, cell_centre(nearest, n), n);
      for (int t = 0; t < 3; ++t) {
        const Index neighbour = I + t - 1;
        const bool outside = neighbour < 0 || neighbour >= N;
        axis.delta(I, t) =
            outside ? 0.0f
                    : relative_offset(cell_centre(nearest_source(cell_centre(neighbour, N), n), n),
                                      centre, n);
      }
    }
  }
};

template <>
struct Kernel<op::DistanceFactor, Reference> {
  static void run(auto&, ConstQueryAxis rows, ConstQueryAxis columns, const auto& lengthscale,
                  Plane<float, 9> g) {
    const double scale = -0.5 / (double(lengthscale()) * lengthscale());
    for (Index h = 0; h < g.extent<'h'>(); ++h)
      for (Index w = 0; w < g.extent<'w'>(); ++w)
        for (int tap = 0; tap < 9; ++tap) {
          const float dy = rows.delta(h, tap / 3), dx = columns.delta(w, tap % 3);
          const float r2 = fl(fl(dx * dx) + fl(dy * dy));
          g(h, w, tap) = static_cast<float>(std::exp(scale * r2));
        }
  }
};

/// The tables of one axis as temporaries of a scope.
template <class ScopeType>
QueryAxis query_axis(ScopeType& scope, Index N) {
  return {View<std::int32_t, Axis<'m'>>(scope.template array<std::int32_t>(N), N),
          View<float, Axis<'m'>>(scope.template array<float>(N), N),
          View<float, Axis<'m'>, Axis<'k', 3>>(scope.template array<float>(3 * N), N)};
}

}}  // namespace eqsr::EQSR_ABI
