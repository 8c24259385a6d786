// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// The involution alone, one thread a number; KrigingBlockBody is the fused form.
struct InvolutionBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float *x, *kernels, *g;
    float* y;
    Index height, width;
    int channels;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index i = Index{exec.block()} * max_threads + exec.thread();
    if (i >= p.height * p.width * p.channels) return;
    const int c = static_cast<int>(i % p.channels);
    const Index pixel = i / p.channels, row = pixel / p.width, column = pixel % p.width;
    const float* k = p.kernels + pixel * (p.channels / 8 * 9) + c / 8 * 9;
    float sum = 0;
    EQSR_UNROLL
    for (int tap = 0; tap < 9; ++tap) {
      const Index y = row + tap / 3 - 1, x = column + tap % 3 - 1;
      if (y < 0 || y >= p.height || x < 0 || x >= p.width) continue;
      sum += exec.load(k + tap) * exec.load(p.g + pixel * 9 + tap) *
             exec.load(p.x + (y * p.width + x) * p.channels + c);
    }
    exec.store(p.y + i, sum);
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
