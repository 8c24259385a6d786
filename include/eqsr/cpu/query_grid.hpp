// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>     // for_each_row
#include <eqsr/layer/query_grid.hpp>  // op::QueryGrid

namespace eqsr { inline namespace EQSR_ABI {

/// One table an axis: the specification is fast enough, and its rounding is the definition.
template <>
struct Kernel<op::QueryGrid, Cpu> : Kernel<op::QueryGrid, Reference> {};

namespace cpu {

/// exp(-delta² / (2 lengthscale²)) for the three neighbours of each position of an axis: the factor
/// of a pixel's neighbour is that of its row times that of its column.
[[gnu::noinline]] inline void distance_factors(ConstQueryAxis axis, float lengthscale,
                                               float* table) {
  const double scale = -0.5 / (double(lengthscale) * lengthscale);
  for (Index i = 0; i < 3 * axis.index.size(); ++i) {
    const double delta = axis.delta.data()[i];
    table[i] = static_cast<float>(std::exp(scale * delta * delta));
  }
}

}  // namespace cpu

template <>
struct Kernel<op::DistanceFactor, Cpu> {
  struct Scratch {
    float *down, *across;  ///< the factors of each axis
  };
  static Scratch scratch(auto& memory, ConstQueryAxis rows, ConstQueryAxis columns,
                         const auto&...) {
    return {memory.floats(rows.delta.size()), memory.floats(columns.delta.size())};
  }
  static void run(Context<Cpu>& ctx, const Scratch& scratch, ConstQueryAxis rows,
                  ConstQueryAxis columns, const auto& lengthscale, Plane<float, 9> g) {
    float *down = scratch.down, *across = scratch.across;
    cpu::distance_factors(rows, lengthscale(), down);
    cpu::distance_factors(columns, lengthscale(), across);
    const Index width = g.extent<'w'>();
    cpu::for_each_row(ctx, g.extent<'h'>(), [&](Index h, int) {
      float* to = g.data() + h * width * 9;
      for (Index w = 0; w < width; ++w)
        for (int tap = 0; tap < 9; ++tap) *to++ = down[3 * h + tap / 3] * across[3 * w + tap % 3];
    });
  }
};

}}  // namespace eqsr::EQSR_ABI
