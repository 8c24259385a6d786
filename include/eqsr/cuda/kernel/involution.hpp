// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec
#include <eqsr/layer/involution.hpp>  // InvolutionShape

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
    const int kernel = c / involution_group * involution_taps;
    const float* k = p.kernels + pixel * InvolutionShape{p.channels}.kernels() + kernel;
    float sum = 0;
    EQSR_UNROLL
    for (int tap = 0; tap < involution_taps; ++tap) {
      const Index y = row + tap / 3 - 1, x = column + tap % 3 - 1;
      if (y < 0 || y >= p.height || x < 0 || x >= p.width) continue;
      sum += exec.load(k + tap) * exec.load(p.g + pixel * involution_taps + tap) *
             exec.load(p.x + (y * p.width + x) * p.channels + c);
    }
    exec.store(p.y + i, sum);
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
