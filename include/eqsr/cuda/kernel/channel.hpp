// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec

/// One thread a channel, or one an element.
namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// from[0] + from[stride] + ..., `count` numbers in double and in order; eight are loaded at once.
template <class Exec, class T>
EQSR_DEVICE double ordered_sum(Exec& exec, const T* from, Index stride, Index count) {
  constexpr int together = 8;
  double sum = 0;
  for (Index first = 0; first < count; first += together) {
    T next[together];
    EQSR_UNROLL
    for (int i = 0; i < together; ++i)
      next[i] = first + i < count ? exec.load(from + (first + i) * stride) : T{0};
    EQSR_UNROLL
    for (int i = 0; i < together; ++i) sum += static_cast<double>(next[i]);
  }
  return sum;
}

/// Sums of equal groups of rows, in double and in order: sums(group, c) = sum of x(row, c). One
/// block row a piece of the channels, one block column a group.
template <class T>
struct GroupSumBody {
  static constexpr int max_threads = 128;
  struct Params {
    const T* x;    ///< (rows, channels)
    double* sums;  ///< (groups, channels)
    Index rows, rows_a_group;
    int channels;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const int c = exec.block_y() * max_threads + exec.thread();
    if (c >= p.channels) return;
    const Index first = exec.block() * p.rows_a_group;
    const Index last = first + p.rows_a_group < p.rows ? first + p.rows_a_group : p.rows;
    exec.store(p.sums + Index{exec.block()} * p.channels + c,
               ordered_sum(exec, p.x + first * p.channels + c, p.channels, last - first));
  }
};

/// mean(c) = (sum of sums(group, c), in order) / count
struct MeanBody {
  static constexpr int max_threads = 128;
  struct Params {
    const double* sums;  ///< (groups, channels)
    float* mean;
    Index groups;
    double count;
    int channels;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const int c = exec.block() * max_threads + exec.thread();
    if (c >= p.channels) return;
    const double sum = ordered_sum(exec, p.sums + c, p.channels, p.groups);
    exec.store(p.mean + c, static_cast<float>(sum / p.count));
  }
};

/// y = residual + (gate(c) + offset) x, then clipped at zero if asked to. One warp a row.
struct ChannelScaleBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float *x, *gate, *residual;  ///< the residual may be null
    float* y;                          ///< may be x or the residual
    Index rows;
    int channels;
    float offset;
    bool relu;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index row = Index{exec.block()} * (max_threads / 32) + exec.warp();
    if (row >= p.rows) return;
    for (int c = exec.lane(); c < p.channels; c += 32) {
      const Index i = row * p.channels + c;
      float y = (exec.load(p.gate + c) + p.offset) * exec.load(p.x + i);
      if (p.residual) y += exec.load(p.residual + i);
      exec.store(p.y + i, p.relu && y < 0 ? 0.0f : y);
    }
  }
};

/// y(m, c) = x(m, c) + value(c) for the channels from `first` on, or the value alone.
struct ChannelShiftBody {
  static constexpr int max_threads = 256, most = 16;
  struct Params {
    const float* x;  ///< may be null, or y
    float* y;
    Index rows;
    int channels, first, count;
    float value[most];
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index i = Index{exec.block()} * max_threads + exec.thread();
    if (i >= p.rows * p.count) return;
    const int c = static_cast<int>(i % p.count);
    const Index at = i / p.count * p.channels + p.first + c;
    exec.store(p.y + at, (p.x ? exec.load(p.x + at) : 0.0f) + p.value[c]);
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
