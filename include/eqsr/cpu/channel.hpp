// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>  // for_each_row
#include <eqsr/layer/channel.hpp>  // op::ChannelMean

namespace eqsr { inline namespace EQSR_ABI {

namespace cpu {

/// Sums of each image row, (height, channels), then the rows' sums in order.
[[gnu::noinline]] inline void channel_mean(Context<Cpu>& ctx, const float* x, Index height,
                                           Index width, int channels, double* sums, float* y) {
  for_each_row(ctx, height, [&](Index h) {
    with_isa(ctx.isa(), [&](auto simd) {
      simd.sum_pixels(x + h * width * channels, width, channels, sums + h * channels);
    });
  });
  for (Index h = 1; h < height; ++h)
    for (int c = 0; c < channels; ++c) sums[c] += sums[h * channels + c];
  const double pixels = double(height) * double(width);
  for (int c = 0; c < channels; ++c) y[c] = static_cast<float>(sums[c] / pixels);
}

[[gnu::noinline]] inline void channel_scale(Context<Cpu>& ctx, const float* x, const float* gate,
                                            const float* residual, Index count, int channels,
                                            float* y) {
  for_each_chunk(ctx, count, 64, [&](Index first, Index size, int) {
    with_isa(ctx.isa(), [&](auto simd) {
      for (Index m = first; m < first + size; ++m)
        simd.scale_row(x + m * channels, gate, residual ? residual + m * channels : nullptr,
                       channels, y + m * channels);
    });
  });
}

}  // namespace cpu

template <>
struct Kernel<op::ChannelMean, Cpu> {
  struct Scratch {
    double* sums;
  };
  template <int C>
  static Scratch scratch(auto& memory, Plane<const float, C> x, Channels<float, C>) {
    return {memory.doubles(x.template extent<'h'>() * C)};
  }
  template <int C>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float, C> x,
                  Channels<float, C> y) {
    cpu::channel_mean(ctx, x.data(), x.template extent<'h'>(), x.template extent<'w'>(), C,
                      scratch.sums, y.data());
  }
};

template <>
struct Kernel<op::ChannelScale, Cpu> {
  template <int C>
  static void run(Context<Cpu>& ctx, Rows<const float, C> x, Channels<const float, C> gate,
                  Rows<float, C> y, Rows<const float, C> residual) {
    cpu::channel_scale(ctx, x.data(), gate.data(), residual.data(), x.template extent<'m'>(), C,
                       y.data());
  }
};

template <>
struct Kernel<op::ChannelShift, Cpu> : Kernel<op::ChannelShift, Reference> {};

template <>
struct Kernel<op::ChannelFill, Cpu> : Kernel<op::ChannelFill, Reference> {};

}}  // namespace eqsr::EQSR_ABI
