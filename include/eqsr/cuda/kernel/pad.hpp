// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec
#include <eqsr/layer/pad.hpp>         // reflected

namespace eqsr::inline EQSR_ABI::gpu {

/// y(h, w, c) = x(reflected(h), reflected(w), c), which crops where y is the smaller one.
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
    const Index i = Index{exec.block()} * max_threads + exec.thread();
    if (i >= p.new_height * p.new_width * p.channels) return;
    const Index c = i % p.channels, pixel = i / p.channels;
    const Index row = reflected(pixel / p.new_width, p.height);
    const Index column = reflected(pixel % p.new_width, p.width);
    exec.store(p.y + i, exec.load(p.x + (row * p.width + column) * p.channels + c));
  }
};

}  // namespace eqsr::inline EQSR_ABI::gpu
