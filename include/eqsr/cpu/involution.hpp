// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>     // for_each_row
#include <eqsr/layer/involution.hpp>  // op::Involution

namespace eqsr { inline namespace EQSR_ABI {

namespace cpu {

[[gnu::noinline]] inline void involution(Context<Cpu>& ctx, Plane<const float> x,
                                         Plane<const float> kernels, Plane<const float, 9> factors,
                                         Plane<float> y) {
  const Index height = x.extent<'h'>(), width = x.extent<'w'>();
  const int channels = static_cast<int>(x.extent<'c'>());
  const int per_pixel = InvolutionShape{channels}.kernels();
  const Loops& loops = loops_of(ctx.isa());
  for_each_row(ctx, height, [&](Index h, int) {
    for (Index w = 0; w < width; ++w) {
      const float* neighbours[9];
      for (int tap = 0; tap < 9; ++tap) {
        const Index row = h + tap / 3 - 1, column = w + tap % 3 - 1;
        const bool outside = row < 0 || row >= height || column < 0 || column >= width;
        neighbours[tap] = outside ? nullptr : x.data() + (row * width + column) * channels;
      }
      const Index pixel = h * width + w;
      loops.involution_of(neighbours, kernels.data() + pixel * per_pixel,
                          factors.data() + pixel * 9, channels, y.data() + pixel * channels);
    }
  });
}

}  // namespace cpu

template <>
struct Kernel<op::Involution, Cpu> {
  static void run(Context<Cpu>& ctx, Plane<const float> x, Plane<const float> k,
                  Plane<const float, 9> g, Plane<float> y) {
    cpu::involution(ctx, x, k, g, y);
  }
};

}}  // namespace eqsr::EQSR_ABI
