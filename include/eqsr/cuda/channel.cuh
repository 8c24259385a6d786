// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/channel.hpp>  // GroupSumBody
#include <eqsr/cuda/launch.hpp>          // run
#include <eqsr/layer/channel.hpp>        // op::ChannelMean

#include <algorithm>  // min

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

/// sums(group, c) over `rows_a_group` rows each.
template <class T>
void group_sums(Context<Cuda>& ctx, const T* x, Index rows, Index rows_a_group, int channels,
                double* sums) {
  using Body = GroupSumBody<T>;
  run<Body>(
      ctx, ceil_div(rows, rows_a_group), ceil_div(channels, Body::max_threads), Body::max_threads,
      0, {.x = x, .sums = sums, .rows = rows, .rows_a_group = rows_a_group, .channels = channels});
}

inline void mean_of_sums(Context<Cuda>& ctx, const double* sums, Index groups, double count,
                         int channels, float* mean) {
  run<MeanBody>(
      ctx, ceil_div(channels, MeanBody::max_threads), 1, MeanBody::max_threads, 0,
      {.sums = sums, .mean = mean, .groups = groups, .count = count, .channels = channels});
}

inline void channel_scale(Context<Cuda>& ctx, const ChannelScaleBody::Params& params) {
  run_rows<ChannelScaleBody>(ctx, params.rows, params);
}

template <int C, std::size_t S>
void channel_shift(Context<Cuda>& ctx, const float* x, const std::array<float, S>& value,
                   Rows<float, C> y) {
  static_assert(S == C, "eqsr: ChannelShift and ChannelFill: give one number a channel.");
  constexpr int most = ChannelShiftBody::most;
  const Index rows = extent<'m'>(y);
  for (int first = 0; first < C; first += most) {
    ChannelShiftBody::Params params{.x = x,
                                    .y = y.data(),
                                    .rows = rows,
                                    .channels = C,
                                    .first = first,
                                    .count = (std::min)(most, C - first),
                                    .value = {}};
    for (int c = 0; c < params.count; ++c)
      params.value[c] = value[static_cast<std::size_t>(first + c)];
    run_each<ChannelShiftBody>(ctx, rows * params.count, params);
  }
}

}  // namespace gpu

template <>
struct Kernel<op::ChannelMean, Cuda> {
  struct Scratch {
    double* sums;  ///< of each row
  };
  template <int C>
  static Scratch scratch(auto& memory, Plane<const float, C> x, Channels<float, C>) {
    return Scratch{memory.doubles(extent<'h'>(x) * C)};  // nvcc loses bare braces
  }
  template <int C>
  static void run(Context<Cuda>& ctx, const Scratch& scratch, Plane<const float, C> x,
                  Channels<float, C> y) {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    gpu::group_sums(ctx, x.data(), h * w, w, C, scratch.sums);
    gpu::mean_of_sums(ctx, scratch.sums, h, double(h) * double(w), C, y.data());
  }
};

template <>
struct Kernel<op::ChannelScale, Cuda> {
  template <int C>
  static void run(Context<Cuda>& ctx, Rows<const float, C> x, Channels<const float, C> gate,
                  Rows<float, C> y, Rows<const float, C> residual) {
    gpu::channel_scale(ctx, {.x = x.data(),
                             .gate = gate.data(),
                             .residual = residual.data(),
                             .y = y.data(),
                             .rows = x.size() / C,
                             .channels = C,
                             .offset = 0.0f,
                             .relu = false});
  }
};

template <>
struct Kernel<op::ChannelShift, Cuda> {
  template <int C, std::size_t S>
  static void run(Context<Cuda>& ctx, Rows<const float, C> x, const std::array<float, S>& shift,
                  Rows<float, C> y) {
    gpu::channel_shift(ctx, x.data(), shift, y);
  }
};

template <>
struct Kernel<op::ChannelFill, Cuda> {
  template <int C, std::size_t S>
  static void run(Context<Cuda>& ctx, const std::array<float, S>& value, Rows<float, C> y) {
    gpu::channel_shift(ctx, nullptr, value, y);
  }
};

}}  // namespace eqsr::EQSR_ABI
