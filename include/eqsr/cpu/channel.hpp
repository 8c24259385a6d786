// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>  // for_each_row
#include <eqsr/layer/channel.hpp>  // op::ChannelMean

namespace eqsr { inline namespace EQSR_ABI {

namespace cpu {

/// Sums of each image row, (height, channels), then the rows' sums in order.
[[gnu::noinline]] inline void channel_mean(Context<Cpu>& ctx, Plane<const float> x, double* sums,
                                           Channels<float> y) {
  const Index height = x.extent<'h'>(), width = x.extent<'w'>();
  const int channels = static_cast<int>(x.extent<'c'>());
  const Loops& loops = loops_of(ctx.isa());
  for_each_row(ctx, height, [&](Index h, int) {
    loops.sum_pixels(x.data() + h * width * channels, width, channels, sums + h * channels);
  });
  for (Index h = 1; h < height; ++h)
    for (int c = 0; c < channels; ++c) sums[c] += sums[h * channels + c];
  const double pixels = double(height) * double(width);
  for (int c = 0; c < channels; ++c) y(c) = static_cast<float>(sums[c] / pixels);
}

/// y = residual + gate x; the residual may be empty.
[[gnu::noinline]] inline void channel_scale(Context<Cpu>& ctx, Rows<const float> x,
                                            Channels<const float> gate, Rows<const float> residual,
                                            Rows<float> y) {
  const int channels = static_cast<int>(x.extent<'c'>());
  const Loops& loops = loops_of(ctx.isa());
  for_each_chunk(ctx, x.extent<'m'>(), 64, [&](Index first, Index size, int) {
    for (Index m = first; m < first + size; ++m)
      loops.scale_row(x.data() + m * channels, gate.data(),
                      residual.empty() ? nullptr : residual.data() + m * channels, channels,
                      y.data() + m * channels);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::ChannelMean, Cpu> {
  struct Scratch {
    double* sums;
  };
  static Scratch scratch(auto& memory, Plane<const float> x, Channels<float>) {
    return {memory.doubles(x.extent<'h'>() * x.extent<'c'>())};
  }
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float> x,
                  Channels<float> y) {
    cpu::channel_mean(ctx, x, scratch.sums, y);
  }
};

template <>
struct Kernel<op::ChannelScale, Cpu> {
  static void run(Context<Cpu>& ctx, Rows<const float> x, Channels<const float> gate, Rows<float> y,
                  Rows<const float> residual) {
    cpu::channel_scale(ctx, x, gate, residual, y);
  }
};

template <>
struct Kernel<op::ChannelShift, Cpu> : Kernel<op::ChannelShift, Reference> {};

template <>
struct Kernel<op::ChannelFill, Cpu> : Kernel<op::ChannelFill, Reference> {};

}}  // namespace eqsr::EQSR_ABI
