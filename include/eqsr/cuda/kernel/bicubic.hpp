// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/query_grid.hpp>  // source_position

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// y += the source sampled at the target's cell centres; one thread a pixel.
struct BicubicBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float* x;
    float* y;
    Cells rows, columns;  ///< of the whole target
    Index first, count;   ///< the rows of y
    Index height, width;  ///< of the source
    int channels;
  };
  struct Taps {
    Index first;
    float weight[4];
  };
  template <class Exec>
  static EQSR_DEVICE Taps taps(Exec& exec, const Cells& cells, Index i, Index n) {
    const float position = source_position(exec, centre_of(exec, cells, i), n);
    const float whole = exec.floor(position), t = position - whole;
    constexpr float a = -0.75f;
    const auto near = [](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
    const auto far = [](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
    return {static_cast<Index>(whole) - 1, {far(t + 1), near(t), near(1 - t), far(2 - t)}};
  }
  static EQSR_DEVICE Index clamped(Index i, Index n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index pixel = Index{exec.block()} * max_threads + exec.thread();
    if (pixel >= p.count * p.columns.n) return;
    const Taps down = taps(exec, p.rows, p.first + pixel / p.columns.n, p.height);
    const Taps across = taps(exec, p.columns, pixel % p.columns.n, p.width);
    for (int c = 0; c < p.channels; ++c) {
      float sum = 0;
      EQSR_UNROLL
      for (int ky = 0; ky < 4; ++ky) {
        const float* row = p.x + clamped(down.first + ky, p.height) * p.width * p.channels + c;
        EQSR_UNROLL
        for (int kx = 0; kx < 4; ++kx)
          sum += down.weight[ky] * across.weight[kx] *
                 exec.load(row + clamped(across.first + kx, p.width) * p.channels);
      }
      float* y = p.y + pixel * p.channels + c;
      exec.store(y, exec.load(y) + sum);
    }
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
