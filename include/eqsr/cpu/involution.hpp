// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>          // for_each_row
#include <eqsr/layer/involution.hpp>  // op::Involution

namespace eqsr::inline EQSR_ABI {

template <>
struct Kernel<op::Involution, Cpu> {
  template <int C, int K>
  static void run(Context<Cpu>& ctx, Plane<const float, C> x, Plane<const float, K> k,
                  Plane<const float, 9> g, Plane<float, C> y) {
    const Index height = x.template extent<'h'>(), width = x.template extent<'w'>();
    cpu::for_each_row(ctx, height, [&](Index h) {
      with_isa(ctx.isa(), [&](auto simd) {
        for (Index w = 0; w < width; ++w) {
          const float* neighbours[9];
          for (int tap = 0; tap < 9; ++tap) {
            const Index row = h + tap / 3 - 1, column = w + tap % 3 - 1;
            const bool outside = row < 0 || row >= height || column < 0 || column >= width;
            neighbours[tap] = outside ? nullptr : x.data() + (row * width + column) * C;
          }
          const Index pixel = h * width + w;
          simd.involution(neighbours, k.data() + pixel * K, g.data() + pixel * 9, C,
                          y.data() + pixel * C);
        }
      });
    });
  }
};

}  // namespace eqsr::inline EQSR_ABI
