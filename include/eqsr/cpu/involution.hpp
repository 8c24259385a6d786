// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>     // for_each_row
#include <eqsr/layer/involution.hpp>  // op::Involution

namespace eqsr { inline namespace EQSR_ABI {

namespace cpu {

[[gnu::noinline]] inline void involution(Context<Cpu>& ctx, const float* x, Index height,
                                         Index width, int channels, const float* kernels,
                                         const float* factors, float* y) {
  const int per_pixel = InvolutionShape{channels}.kernels();
  for_each_row(ctx, height, [&](Index h) {
    with_isa(ctx.isa(), [&](auto simd) {
      for (Index w = 0; w < width; ++w) {
        const float* neighbours[9];
        for (int tap = 0; tap < 9; ++tap) {
          const Index row = h + tap / 3 - 1, column = w + tap % 3 - 1;
          const bool outside = row < 0 || row >= height || column < 0 || column >= width;
          neighbours[tap] = outside ? nullptr : x + (row * width + column) * channels;
        }
        const Index pixel = h * width + w;
        simd.involution(neighbours, kernels + pixel * per_pixel, factors + pixel * 9, channels,
                        y + pixel * channels);
      }
    });
  });
}

}  // namespace cpu

template <>
struct Kernel<op::Involution, Cpu> {
  template <int C, int K>
  static void run(Context<Cpu>& ctx, Plane<const float, C> x, Plane<const float, K> k,
                  Plane<const float, 9> g, Plane<float, C> y) {
    cpu::involution(ctx, x.data(), x.template extent<'h'>(), x.template extent<'w'>(), C, k.data(),
                    g.data(), y.data());
  }
};

}}  // namespace eqsr::EQSR_ABI
