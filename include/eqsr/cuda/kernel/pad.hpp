// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec
#include <eqsr/layer/pad.hpp>         // reflected

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// y(h, w, c) = x(reflected(h), reflected(w), c), which crops where y is the smaller one. One warp
/// a pixel.
struct ReflectBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float* x;
    float* y;
    Index height, width, new_height, new_width;
    int channels;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index pixel = Index{exec.block()} * (max_threads / 32) + exec.warp();
    if (pixel >= p.new_height * p.new_width) return;
    const Index row = reflected(pixel / p.new_width, p.height);
    const Index column = reflected(pixel % p.new_width, p.width);
    for (int c = exec.lane(); c < p.channels; c += 32)
      exec.store(p.y + pixel * p.channels + c,
                 exec.load(p.x + (row * p.width + column) * p.channels + c));
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
