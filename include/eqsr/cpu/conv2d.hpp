// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/winograd.hpp>  // WinogradTiles
#include <eqsr/layer/conv2d.hpp>       // op::Conv2d

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// A plane with a border of one pixel; odd sizes get one more row or column.
struct Halo {
  Index h, w;
  int channels;

  [[nodiscard]] Index rows() const { return round_up(h, 2) + 2; }
  [[nodiscard]] Index pitch() const { return (round_up(w, 2) + 2) * channels; }
  [[nodiscard]] Index size() const { return rows() * pitch(); }
};

/// Tiles that one task of a convolution takes.
inline constexpr Index convolution_tiles = 48;

/// The temporaries of a convolution.
struct ConvolutionScratch {
  float* bordered;  ///< the input with its halo
  float* tiles;     ///< of each thread
};
template <class C>
ConvolutionScratch convolution_scratch(Scope<C>& memory, Plane<const float> x, int outputs) {
  const int inputs = static_cast<int>(x.extent<'c'>());
  return {memory.floats(Halo{x.extent<'h'>(), x.extent<'w'>(), inputs}.size()),
          memory.floats(memory.context().threads() *
                        WinogradTiles::scratch(inputs, outputs, convolution_tiles))};
}

/// Copies a plane into one with a border of zeros, times `scale` a channel unless it is null.
[[gnu::noinline]] inline void copy_with_halo(Context<Cpu>& ctx, const float* x, const Halo& halo,
                                             const float* scale, float* y) {
  const int channels = halo.channels;
  for_each_row(ctx, halo.rows(), [&](Index row, int) {
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
[[gnu::noinline]] inline void convolve(Context<Cpu>& ctx, Plane<const float> x, const float* scale,
                                       const WinogradWeights& weights,
                                       const ConvolutionScratch& scratch, const Output& y) {
  const Index h = x.extent<'h'>(), w = x.extent<'w'>();
  const Halo halo{h, w, weights.inputs};
  const float* bordered = scratch.bordered;
  copy_with_halo(ctx, x.data(), halo, scale, scratch.bordered);
  const Index each = WinogradTiles::scratch(weights.inputs, weights.outputs, convolution_tiles);
  const Index across = ceil_div(w, 2), tiles = ceil_div(h, 2) * across;
  ctx.parallel_for(ceil_div(tiles, convolution_tiles), [&](Index task, int thread) {
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
    WinogradTiles::run(loops_of(ctx.isa()), weights, (std::min)(convolution_tiles, tiles - first),
                       patch, halo.pitch(), y, place, scratch.tiles + thread * each);
  });
}

/// The packed weights of a 3x3 convolution.
template <int In, int Out, class B>
const WinogradWeights* packed_3x3(AnyContext auto& ctx, const eqsr::Conv2d<In, Out, 3, B>& layer) {
  return ctx.template prepare<WinogradWeights>(
      layer.prepared, newest_stamp(layer.weight, layer.bias), WinogradWeights::bytes(In, Out),
      [&] { return pack_3x3(Out, In, layer.weight.data(), layer.bias.data()); });
}

}  // namespace cpu

template <>
struct Kernel<op::Conv2d, Cpu> {
  struct Scratch {
    const cpu::WinogradWeights* weights;
    cpu::ConvolutionScratch temporaries;
  };
  template <int In, int Out>
  static Scratch scratch(auto& memory, Plane<const float, In> x, const auto& layer,
                         Plane<float, Out>, const Epilogue<Out>&) {
    return {cpu::packed_3x3(memory.context(), layer), cpu::convolution_scratch(memory, x, Out)};
  }
  template <int In, int Out>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float, In> x, const auto&,
                  Plane<float, Out> y, const Epilogue<Out>& epilogue) {
    cpu::convolve(ctx, x, nullptr, *scratch.weights, scratch.temporaries,
                  cpu::output(y.data(), scratch.weights->bias.data(), epilogue));
  }
};

}}  // namespace eqsr::EQSR_ABI
