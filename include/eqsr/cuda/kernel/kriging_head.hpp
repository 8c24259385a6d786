// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/layer_norm.hpp>  // warp_sum

/// The first and the last step of the Kriging upsampler, one warp a pixel.
namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// The product of the head, split into a table for each source pixel, row and column.
struct HeadTables {
  const float *features, *rows, *columns;  ///< (h, w, L), (H, L), (W, L)
  const std::int32_t *row_index, *column_index;
  Index source_width, width;
  int channels;

  template <class Exec>
  EQSR_DEVICE float value(Exec& exec, Index y, Index x, int c) const {
    const Index source = exec.load(row_index + y) * source_width + exec.load(column_index + x);
    const float sum = exec.load(features + source * channels + c) +
                      exec.load(columns + x * channels + c) + exec.load(rows + y * channels + c);
    return sum < 0 ? 0 : sum;
  }
};

/// u = ReLU(features + column + row) for the rows from `first` on.
struct KrigingHeadBody {
  static constexpr int max_threads = 256;
  struct Params {
    HeadTables tables;
    float* u;
    Index first, count;  ///< rows
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index pixel = Index{exec.block()} * (max_threads / 32) + exec.warp();
    if (pixel >= p.count * p.tables.width) return;
    const Index y = p.first + pixel / p.tables.width, x = pixel % p.tables.width;
    for (int c = exec.lane(); c < p.tables.channels; c += 32)
      exec.store(p.u + pixel * p.tables.channels + c, p.tables.value(exec, y, x, c));
  }
};

/// rgb = to_rgb( ReLU( ReLU(x + gate z) + u ) ), u computed again from the tables.
struct KrigingFinishBody {
  static constexpr int max_threads = 256;
  struct Params {
    HeadTables tables;
    const float *x, *z;                 ///< from row `first` on
    const float *gate, *weight, *bias;  ///< (L), (3, L), (3)
    float* rgb;                         ///< the whole target
    Index first, count;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index pixel = Index{exec.block()} * (max_threads / 32) + exec.warp();
    const int L = p.tables.channels;
    if (pixel >= p.count * p.tables.width) return;
    const Index y = p.first + pixel / p.tables.width, x = pixel % p.tables.width;
    float sums[3] = {0, 0, 0};
    for (int c = exec.lane(); c < L; c += 32) {
      float r =
          exec.load(p.x + pixel * L + c) + exec.load(p.gate + c) * exec.load(p.z + pixel * L + c);
      r = (r < 0 ? 0 : r) + p.tables.value(exec, y, x, c);
      r = r < 0 ? 0 : r;
      EQSR_UNROLL
      for (int o = 0; o < 3; ++o) sums[o] += exec.load(p.weight + o * L + c) * r;
    }
    EQSR_UNROLL
    for (int o = 0; o < 3; ++o) {
      const float sum = warp_sum(exec, sums[o]);
      if (exec.lane() == o) exec.store(p.rgb + pixel * 3 + o, sum + exec.load(p.bias + o));
    }
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
