// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/function_ref.hpp>  // FunctionRef
#include <eqsr/cpu/conv2d.hpp>         // convolve
#include <eqsr/cpu/core/rows.hpp>      // normalise
#include <eqsr/layer/involution.hpp>   // InvolutionShape
#include <eqsr/layer/query_grid.hpp>   // ConstQueryAxis

/// The target-resolution stage on one tile of 16 x 64 pixels, whose activations stay in the
/// second-level cache. kriging_passes.hpp runs it over the image.
namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// The parameters of one involution block in the order of the kernels.
struct BlockWeights {
  Norm norm1, norm2;
  const PackedWeights *conv1, *kernels, *conv2, *expand, *contract;
  const WinogradWeights* reduce;
  const float *contract_weight, *contract_bias;  ///< (L, 2L), (L)
  const float* attention;                        ///< taps of the gate's convolution
  int attention_taps;
};

/// A rectangle of target pixels.
struct Rect {
  Index y, x, h, w;

  /// Larger by `margin` on each side, inside an image of H x W.
  [[nodiscard]] Rect grown(Index margin, Index H, Index W) const {
    const Index top = std::max<Index>(0, y - margin), left = std::max<Index>(0, x - margin);
    return {top, left, (std::min)(H, y + h + margin) - top, (std::min)(W, x + w + margin) - left};
  }
  /// Widened to even rows and columns.
  [[nodiscard]] Rect even() const {
    const Index top = y / 2 * 2, left = x / 2 * 2;
    return {top, left, round_up(y + h, 2) - top, round_up(x + w, 2) - left};
  }
};

/// Rows of pixels somewhere in memory: a whole plane, or a rectangle of one.
struct PixelRows {
  float* data;
  Index y, x, pitch;
  int channels;

  [[nodiscard]] float* at(Index row, Index column) const {
    return data + ((row - y) * pitch + column - x) * channels;
  }
};

/// What does not change during the three passes.
struct KrigingImage {
  int L;
  Index H, W;
  ConstQueryAxis rows, columns;
  Plane<const float> features;                     ///< the head's product, split: of the source,
  Rows<const float> row_table, column_table;       ///< and (H, L), (W, L) of the target
  Rows<const float, 3> row_factor, column_factor;  ///< (H, 3), (W, 3): the distance factor, split
  BlockWeights block[2];
  const PackedWeights* to_rgb;
};

/// One thread's work on one tile.
class KrigingTile {
 public:
  static constexpr Index height = 16, width = 64;
  /// A tile grown by two for the recomputed first block, and by a border.
  static constexpr Index most_columns = width + 6, most_rows = height + 6;

  static Index scratch(int L) {
    return most_rows * most_columns * Index{L} * 3 + most_columns * scratch_per_pixel(L) +
           WinogradTiles::scratch(L, InvolutionShape{L}.reduced(), most_columns / 2);
  }

  KrigingTile(Isa isa, const KrigingImage& image, float* memory) : isa_(isa), image_(image) {
    const Index plane = most_rows * most_columns * image.L;
    const Index line = most_columns * image.L;
    u_ = memory;
    a_ = u_ + plane;
    r_ = a_ + plane;
    normed_ = r_ + plane;
    value_ = normed_ + line;
    x_ = value_ + line;
    z_ = x_ + line;
    hidden_ = z_ + line;
    kernels_ = hidden_ + 2 * line;
    reduced_ = kernels_ + most_columns * InvolutionShape{image.L}.kernels();
    winograd_ = reduced_ + most_columns * 2 * InvolutionShape{image.L}.reduced();
  }

  /// The head's output on a rectangle.
  PixelRows head(const Rect& r) {
    const PixelRows u{u_, r.y, r.x, r.w, image_.L};
    for (Index row = r.y; row < r.y + r.h; ++row) head_row(row, r.x, r.w, u.at(row, r.x));
    return u;
  }

  /// The first half of a block, x + conv2(involution(..)), for each row of the rectangle: to `out`,
  /// or to scratch if that has no memory; then calls `done(row, x)`. `in` covers the rectangle
  /// widened to even rows and columns and grown by one, as far as the image goes.
  [[gnu::noinline]] void convolve(const BlockWeights& block, const PixelRows& in, const Rect& r,
                                  const PixelRows& out,
                                  FunctionRef<void(Index row, const float* x)> done) {
    const int L = image_.L;
    const Rect even = r.even();
    const Index pitch = (even.w + 2) * L;
    for (Index row = even.y - 1; row <= even.y + even.h; ++row) {
      float* a = a_ + (row - even.y + 1) * pitch;
      const Index first = std::max<Index>(0, even.x - 1);
      const Index last = (std::min)(image_.W, even.x + even.w + 1);
      const bool inside = row >= 0 && row < image_.H;
      const Index begin = inside ? (first - even.x + 1) * L : 0;
      const Index end = inside ? (last - even.x + 1) * L : 0;
      std::fill_n(a, begin, 0.0f);
      std::fill_n(a + end, pitch - end, 0.0f);
      if (!inside) continue;
      normalise(in.at(row, first), last - first, block.norm1);
      dense(normed_, last - first, *block.conv1, a + begin);
    }
    for (Index y = even.y; y < even.y + even.h; y += 2) {
      reduce(block, a_ + (y - even.y) * pitch, pitch, even.w);
      for (Index row = (std::max)(y, r.y); row < (std::min)(y + 2, r.y + r.h); ++row) {
        const Index left = r.x - even.x;
        const int reduced = InvolutionShape{L}.reduced();
        dense(reduced_ + ((row - y) * even.w + left) * reduced, r.w, *block.kernels, kernels_);
        involve(a_ + (row - even.y) * pitch + left * L, pitch, row, r);
        float* x = out.data ? out.at(row, r.x) : x_;
        dense(value_, r.w, *block.conv2, x, Activation::none, in.at(row, r.x));
        done(row, x);
      }
    }
  }

  /// The hidden layer of a block's perceptron, GELU(expand(norm2(x))), for a row.
  const float* hidden(const BlockWeights& block, const float* x, Index count) {
    normalise(x, count, block.norm2);
    dense(normed_, count, *block.expand, hidden_, Activation::gelu);
    return hidden_;
  }
  /// z = contract(hidden) for the row that `hidden` was called with.
  void contracted(const BlockWeights& block, Index count, float* z) const {
    dense(hidden_, count, *block.contract, z);
  }
  /// The same on scratch.
  const float* contracted(const BlockWeights& block, Index count) {
    contracted(block, count, z_);
    return z_;
  }

  /// y = ReLU(x + gate z), then ReLU(y + u) unless that is null, pixel by pixel; y may be x.
  void gated(const float* x, const float* z, const float* gate, Index count, float* y,
             const float* u = nullptr) const {
    const int L = image_.L;
    with_isa(isa_, [&](auto simd) {
      for (Index p = 0; p < count * L; p += L)
        simd.gate_row(z + p, gate, x + p, u ? u + p : nullptr, L, y + p);
    });
  }

  /// The colours of a row: to_rgb(ReLU(ReLU(x + gate z) + u)).
  void finish(const float* x, const float* z, const float* gate, Index row, Index column,
              Index count, float* rgb) const {
    head_row(row, column, count, value_);
    gated(x, z, gate, count, normed_, value_);
    dense(normed_, count, *image_.to_rgb, rgb);
  }

  /// sums(c) = sum of a row's hidden layer.
  void sum_hidden(Index count, double* sums) const {
    with_isa(isa_, [&](auto simd) { simd.sum_pixels(hidden_, count, 2 * image_.L, sums); });
  }

  /// The rectangle buffer for a block's result.
  [[nodiscard]] PixelRows result(const Rect& r) const { return {r_, r.y, r.x, r.w, image_.L}; }

 private:
  static Index scratch_per_pixel(int L) {
    const InvolutionShape shape{L};
    return 6 * Index{L} + shape.kernels() + 2 * Index{shape.reduced()};
  }
  void head_row(Index row, Index x, Index count, float* u) const {
    const int L = image_.L;
    const float* line =
        image_.features.data() + image_.rows.index(row) * image_.features.extent<'w'>() * L;
    with_isa(isa_, [&](auto simd) {
      for (Index c = x; c < x + count; ++c, u += L)
        simd.relu_of_three(line + image_.columns.index(c) * L, image_.column_table.data() + c * L,
                           image_.row_table.data() + row * L, L, u);
    });
  }
  void normalise(const float* x, Index count, const Norm& norm) const {
    cpu::normalise(isa_, Rows<const float>(x, count, image_.L), norm, normed_);
  }
  /// y = residual + activation(x w + bias) for `count` rows of as many channels as w is deep.
  void dense(const float* x, Index count, const PackedWeights& weights, float* y,
             Activation activation = Activation::none, const float* residual = nullptr) const {
    cpu::dense(isa_, Rows<const float>(x, count, weights.depth), weights, y, activation, residual);
  }
  /// ReLU of the 3x3 convolution that precedes the kernels, for two rows of `count` pixels.
  void reduce(const BlockWeights& block, const float* a, Index pitch, Index count) const {
    const int L = image_.L, reduced = InvolutionShape{L}.reduced();
    const Output y{.data = reduced_,
                   .row_stride = reduced,
                   .bias = block.reduce->bias.data(),
                   .activation = Activation::relu};
    WinogradTiles::run(
        isa_, *block.reduce, count / 2, [&](Index t) { return a + 2 * t * L; }, pitch, y,
        [&](Index t, int p) { return p / 2 * count + 2 * t + p % 2; }, winograd_);
  }
  /// `a` is where the neighbours of the row's first pixel begin.
  void involve(const float* a, Index pitch, Index row, const Rect& r) const {
    const int L = image_.L, per_pixel = InvolutionShape{L}.kernels();
    with_isa(isa_, [&](auto simd) {
      const float* down = &image_.row_factor(row, 0);
      for (Index c = 0; c < r.w; ++c) {
        const float* across = &image_.column_factor(r.x + c, 0);
        float factors[9];
        for (int tap = 0; tap < 9; ++tap) factors[tap] = down[tap / 3] * across[tap % 3];
        simd.involution(a + c * L, pitch, kernels_ + c * per_pixel, factors, L, value_ + c * L);
      }
    });
  }

  Isa isa_;
  const KrigingImage& image_;
  float *u_, *a_, *r_, *normed_, *value_, *x_, *z_, *hidden_, *kernels_, *reduced_, *winograd_;
};

}}}  // namespace eqsr::EQSR_ABI::cpu
