// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>      // multiply_rows
#include <eqsr/layer/conv2d.hpp>  // op::Conv2d

namespace eqsr::inline EQSR_ABI {
namespace cpu {

/// Packs 3x3 weights (o, c, y, x) with k running over y, x, c.
[[gnu::noinline]] inline PackedWeights pack_3x3(int outputs, int inputs, const float* weight,
                                                const float* bias) {
  PackedWeights packed(9 * inputs, outputs);
  for (int o = 0; o < outputs; ++o)
    for (int c = 0; c < inputs; ++c)
      for (int tap = 0; tap < 9; ++tap)
        packed.at(tap * inputs + c, o) = weight[(Index{o} * inputs + c) * 9 + tap];
  if (bias) std::copy_n(bias, outputs, packed.bias.data());
  return packed;
}

/// Bytes of a plane with a border of one pixel.
inline std::size_t halo_bytes(Index h, Index w, Index channels) {
  return Arena<Cpu>::rounded(static_cast<std::size_t>((h + 2) * (w + 2) * channels) * 4);
}

/// Copies a plane into one with a border of zeros, times `scale` a channel unless it is null.
[[gnu::noinline]] inline void copy_with_halo(Context<Cpu>& ctx, const float* x, Index h, Index w,
                                             int channels, const float* scale, float* halo) {
  const Index pitch = (w + 2) * channels;
  for_each_row(ctx, h + 2, [&](Index row) {
    float* to = halo + row * pitch;
    if (row == 0 || row == h + 1) {
      std::fill_n(to, pitch, 0.0f);
      return;
    }
    std::fill_n(to, channels, 0.0f);
    std::fill_n(to + pitch - channels, channels, 0.0f);
    const float* from = x + (row - 1) * w * channels;
    to += channels;
    if (!scale) {
      std::copy_n(from, w * channels, to);
    } else {
      for (Index p = 0; p < w; ++p, from += channels, to += channels)
        for (int c = 0; c < channels; ++c) to[c] = from[c] * scale[c];
    }
  });
}

/// 3x3 convolution of a haloed plane: each image row is a product whose sums run over three
/// stretches of three neighbouring pixels.
[[gnu::noinline]] inline void convolve(Context<Cpu>& ctx, const float* halo, Index h, Index w,
                                       int channels, const PackedMatrix& weights, const Output& y) {
  const Index pitch = (w + 2) * channels;
  ctx.parallel_for(h, [&](Index row, int) {
    const Operand a{.data = halo + row * pitch,
                    .rows = w,
                    .row_stride = channels,
                    .segments = 3,
                    .length = 3 * channels,
                    .segment_stride = pitch};
    Output line = y;
    line.data += row * w * y.row_stride;
    if (line.residual) line.residual += row * w * y.residual_stride;
    for (Index begin = 0; begin < w; begin += stretch)
      multiply_rows(ctx.isa(), a, weights, line, begin, std::min(stretch, w - begin));
  });
}

/// The packed weights of a 3x3 convolution.
template <int In, int Out, class B>
const PackedWeights& packed_3x3(const eqsr::Conv2d<In, Out, 3, B>& layer) {
  return layer.prepared.template get<PackedWeights>(newest_stamp(layer.weight, layer.bias), [&] {
    return pack_3x3(Out, In, layer.weight.data(), layer.bias.data());
  });
}

}  // namespace cpu

template <>
struct Kernel<op::Conv2d, Cpu> {
  template <int In>
  static std::size_t workspace(int, Plane<const float, In> x, const auto&...) {
    return cpu::halo_bytes(x.template extent<'h'>(), x.template extent<'w'>(), In);
  }
  template <int In, int Out>
  static void run(Context<Cpu>& ctx, Plane<const float, In> x, const auto& layer,
                  Plane<float, Out> y, const Epilogue<Out>& epilogue) {
    const Index h = x.template extent<'h'>(), w = x.template extent<'w'>();
    const cpu::PackedWeights& packed = cpu::packed_3x3(layer);
    Scope scope(ctx);
    float* halo = scope.template array<float>((h + 2) * (w + 2) * In);
    cpu::copy_with_halo(ctx, x.data(), h, w, In, nullptr, halo);
    cpu::convolve(ctx, halo, h, w, In, packed.matrix(),
                  cpu::output(y.data(), packed.bias.data(), epilogue));
  }
};

}  // namespace eqsr::inline EQSR_ABI
