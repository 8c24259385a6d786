// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>  // for_each_row
#include <eqsr/layer/bicubic.hpp>  // op::Bicubic

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::Bicubic, Cpu> {
  struct Scratch {
    CubicTaps* across;  ///< of each column
  };
  template <int C>
  static Scratch scratch(auto& memory, Plane<const float, C>, Plane<float, C> y, Index, Index) {
    return {memory.template array<CubicTaps>(extent<'w'>(y))};
  }
  template <int C>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float, C> x,
                  Plane<float, C> y, Index first, Index height) {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    const Index width = extent<'w'>(y);
    CubicTaps* across = scratch.across;
    for (Index X = 0; X < width; ++X) across[X] = cubic_taps(X, width, w);
    cpu::for_each_row(ctx, extent<'h'>(y), [&](Index Y) {
      const CubicTaps down = cubic_taps(first + Y, height, h);
      for (Index X = 0; X < width; ++X)
        for (int c = 0; c < C; ++c) {
          double sum = 0;
          for (std::size_t ky = 0; ky < 4; ++ky)
            for (std::size_t kx = 0; kx < 4; ++kx)
              sum += down.weight[ky] * across[X].weight[kx] *
                     x(down.source[ky], across[X].source[kx], c);
          y(Y, X, c) = static_cast<float>(y(Y, X, c) + sum);
        }
    });
  }
};

}}  // namespace eqsr::EQSR_ABI
