// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>       // for_each_row
#include <eqsr/layer/bicubic.hpp>  // op::Bicubic

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::Bicubic, Cpu> {
  template <int C>
  static std::size_t workspace(int, Plane<const float, C>, Plane<float, C> y, Index, Index) {
    return static_cast<std::size_t>(y.template extent<'w'>()) * sizeof(CubicTaps);
  }
  template <int C>
  static void run(Context<Cpu>& ctx, Plane<const float, C> x, Plane<float, C> y, Index first,
                  Index height) {
    const Index h = x.template extent<'h'>(), w = x.template extent<'w'>();
    const Index width = y.template extent<'w'>();
    Scope scope(ctx);
    CubicTaps* across = scope.template array<CubicTaps>(width);
    for (Index X = 0; X < width; ++X) across[X] = cubic_taps(X, width, w);
    cpu::for_each_row(ctx, y.template extent<'h'>(), [&](Index Y) {
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
