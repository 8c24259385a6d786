// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/winograd.hpp>  // WinogradTiles
#include <eqsr/layer/conv2d.hpp>  // op::Conv2d

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// A plane with a border of one pixel; odd sizes get one more row or column.
struct Halo {
  Index h, w;
  int channels;

  [[nodiscard]] Index rows() const { return (h + 1) / 2 * 2 + 2; }
  [[nodiscard]] Index pitch() const { return ((w + 1) / 2 * 2 + 2) * channels; }
  [[nodiscard]] Index size() const { return rows() * pitch(); }
};

/// Tiles that one task of a convolution takes.
inline constexpr Index convolution_tiles = 48;

/// Bytes that a convolution needs.
inline std::size_t convolution_workspace(int threads, Index h, Index w, int inputs, int outputs) {
  const auto bytes = [](Index floats) {
    return Arena<Cpu>::rounded(static_cast<std::size_t>(floats) * sizeof(float));
  };
  return bytes(Halo{h, w, inputs}.size()) +
         bytes(threads * WinogradTiles::scratch(inputs, outputs, convolution_tiles));
}

/// Copies a plane into one with a border of zeros, times `scale` a channel unless it is null.
[[gnu::noinline]] inline void copy_with_halo(Context<Cpu>& ctx, const float* x, const Halo& halo,
                                             const float* scale, float* y) {
  const int channels = halo.channels;
  for_each_row(ctx, halo.rows(), [&](Index row) {
    float* to = y + row * halo.pitch();
    const Index inside = row >= 1 && row <= halo.h ? halo.w * channels : 0;
    const Index before = inside > 0 ? channels : 0;
    std::fill_n(to, before, 0.0f);
    std::fill_n(to + before + inside, halo.pitch() - before - inside, 0.0f);
    const float* from = x + (row - 1) * halo.w * channels;
    to += channels;
    if (!scale) {
      std::copy_n(from, inside, to);
    } else {
      for (Index p = 0; p < inside; p += channels)
        for (int c = 0; c < channels; ++c) to[p + c] = from[p + c] * scale[c];
    }
  });
}

/// 3x3 convolution of a plane whose input channels are scaled first, unless `scale` is null.
[[gnu::noinline]] inline void convolve(Context<Cpu>& ctx, const float* x, Index h, Index w,
                                       const float* scale, const WinogradWeights& weights,
                                       const Output& y) {
  const Halo halo{h, w, weights.inputs};
  Scope scope(ctx);
  float* bordered = scope.array<float>(halo.size());
  copy_with_halo(ctx, x, halo, scale, bordered);
  const Index scratch = WinogradTiles::scratch(weights.inputs, weights.outputs, convolution_tiles);
  float* memory = scope.array<float>(ctx.threads() * scratch);
  const Index across = (w + 1) / 2, tiles = (h + 1) / 2 * across;
  ctx.parallel_for(
      (tiles + convolution_tiles - 1) / convolution_tiles, [&](Index task, int thread) {
        const Index first = task * convolution_tiles;
        const auto patch = [&](Index t) {
          const Index tile = first + t;
          return bordered + tile / across * 2 * halo.pitch() + tile % across * 2 * halo.channels;
        };
        const auto place = [&](Index t, int p) {
          const Index tile = first + t;
          const Index row = tile / across * 2 + p / 2, column = tile % across * 2 + p % 2;
          return row < h && column < w ? row * w + column : Index{-1};
        };
        WinogradTiles::run(ctx.isa(), weights, (std::min)(convolution_tiles, tiles - first), patch,
                           halo.pitch(), y, place, memory + thread * scratch);
      });
}

/// The packed weights of a 3x3 convolution.
template <int In, int Out, class B>
const WinogradWeights& packed_3x3(const eqsr::Conv2d<In, Out, 3, B>& layer) {
  return layer.prepared.template get<WinogradWeights>(newest_stamp(layer.weight, layer.bias), [&] {
    return pack_3x3(Out, In, layer.weight.data(), layer.bias.data());
  });
}

}  // namespace cpu

template <>
struct Kernel<op::Conv2d, Cpu> {
  template <int In, int Out>
  static std::size_t workspace(int threads, Plane<const float, In> x, const auto&,
                               Plane<float, Out>, const Epilogue<Out>&) {
    return cpu::convolution_workspace(threads, x.template extent<'h'>(), x.template extent<'w'>(),
                                      In, Out);
  }
  template <int In, int Out>
  static void run(Context<Cpu>& ctx, Plane<const float, In> x, const auto& layer,
                  Plane<float, Out> y, const Epilogue<Out>& epilogue) {
    const cpu::WinogradWeights& packed = cpu::packed_3x3(layer);
    cpu::convolve(ctx, x.data(), x.template extent<'h'>(), x.template extent<'w'>(), nullptr,
                  packed, cpu::output(y.data(), packed.bias.data(), epilogue));
  }
};

}}  // namespace eqsr::EQSR_ABI
