// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>  // for_each_row
#include <eqsr/layer/bicubic.hpp>  // op::Bicubic

namespace eqsr { inline namespace EQSR_ABI {

/// Each row of the target is interpolated down the source's columns first, then along itself: four
/// products a result and four a column of the source, instead of sixteen a result.
template <>
struct Kernel<op::Bicubic, Cpu> {
  struct Scratch {
    CubicTaps* across;  ///< of each column
    double* lines;      ///< a row of the source for each thread
  };
  template <int C>
  static Scratch scratch(auto& memory, Plane<const float, C> x, Plane<float, C> y, Index, Index) {
    return {memory.template array<CubicTaps>(extent<'w'>(y)),
            memory.doubles(memory.context().threads() * extent<'w'>(x) * C)};
  }
  template <int C>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float, C> x,
                  Plane<float, C> y, Index first, Index height) {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    const Index width = extent<'w'>(y);
    CubicTaps* across = scratch.across;
    for (Index X = 0; X < width; ++X) across[X] = cubic_taps(X, width, w);
    cpu::for_each_row(ctx, extent<'h'>(y), [&](Index Y, int thread) {
      double* line = scratch.lines + thread * w * C;
      const CubicTaps down = cubic_taps(first + Y, height, h);
      const auto& [a, b, c, d] = down.weight;
      const float *row0 = &x(down.source[0], 0, 0), *row1 = &x(down.source[1], 0, 0);
      const float *row2 = &x(down.source[2], 0, 0), *row3 = &x(down.source[3], 0, 0);
      for (Index i = 0; i < w * C; ++i)
        line[i] = a * row0[i] + b * row1[i] + c * row2[i] + d * row3[i];
      for (Index X = 0; X < width; ++X)
        for (int channel = 0; channel < C; ++channel) {
          double sum = 0;
          for (std::size_t k = 0; k < 4; ++k)
            sum += across[X].weight[k] * line[across[X].source[k] * C + channel];
          y(Y, X, channel) = static_cast<float>(y(Y, X, channel) + sum);
        }
    });
  }
};

}}  // namespace eqsr::EQSR_ABI
