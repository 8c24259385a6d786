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
  /// Rows of pixels that each reading of the weights serves: those of 256 channels do not stay in
  /// the second-level cache beside the tile.
  static constexpr Index strip_rows = 2;
  /// The same for the 3x3 convolution before the kernels, whose weights are the largest.
  static constexpr Index reduced_rows = 2 * strip_rows;

  static Index scratch(int L) {
    return most_rows * most_columns * Index{L} * 3 + most_columns * scratch_per_pixel(L) +
           WinogradTiles::scratch(L, InvolutionShape{L}.reduced(), reduced_rows * most_columns / 4);
  }

  KrigingTile(const Loops& loops, const KrigingImage& image, float* memory)
      : loops_(loops), image_(image) {
    const Index plane = most_rows * most_columns * image.L;
    const Index line = strip_rows * most_columns * image.L;
    u_ = memory;
    a_ = u_ + plane;
    r_ = a_ + plane;
    normed_ = r_ + plane;
    value_ = normed_ + line;
    x_ = value_ + line;
    z_ = x_ + line;
    hidden_ = z_ + line;
    kernels_ = hidden_ + 2 * line;
    reduced_ = kernels_ + strip_rows * most_columns * InvolutionShape{image.L}.kernels();
    winograd_ = reduced_ + reduced_rows * most_columns * InvolutionShape{image.L}.reduced();
  }

  /// The head's output on a rectangle.
  PixelRows head(const Rect& r) {
    const PixelRows u{u_, r.y, r.x, r.w, image_.L};
    for (Index row = r.y; row < r.y + r.h; ++row) head_row(row, r.x, r.w, u.at(row, r.x));
    return u;
  }

  /// The first half of a block, x + conv2(involution(..)), for the rectangle, in strips of two rows
  /// from even ones on: to `out`, or to scratch if that has no memory; then calls `done(strip, x)`.
  /// `in` covers the rectangle widened to even rows and columns and grown by one, as far as the
  /// image goes.
  [[gnu::noinline]] void convolve(const BlockWeights& block, const PixelRows& in, const Rect& r,
                                  const PixelRows& out,
                                  FunctionRef<void(const Rect& strip, const PixelRows& x)> done) {
    const int L = image_.L;
    const InvolutionShape shape{L};
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
      normalise(in.at(row, first), last - first, block.norm1, normed_);
      dense(normed_, last - first, *block.conv1, a + begin);
    }
    for (Index top = even.y; top < even.y + even.h; top += reduced_rows) {
      const Index end = (std::min)(top + reduced_rows, even.y + even.h);
      reduce(block, a_ + (top - even.y) * pitch, pitch, end - top, even.w);
      for (Index y = top; y < end; y += strip_rows) {
        const Index first = (std::max)(y, r.y), left = r.x - even.x;
        const Rect strip{first, r.x, (std::min)(y + strip_rows, r.y + r.h) - first, r.w};
        dense(reduced_ + (first - top) * even.w * shape.reduced(), strip.h * even.w, *block.kernels,
              kernels_);
        const PixelRows x = out.data ? out : scratch_rows(x_, strip);
        for (Index i = 0; i < strip.h; ++i)
          involve(a_ + (first + i - even.y) * pitch + left * L, pitch,
                  kernels_ + (i * even.w + left) * shape.kernels(), first + i, r,
                  value_ + i * r.w * L);
        for (Index i = 0; i < strip.h; ++i)
          dense(value_ + i * r.w * L, r.w, *block.conv2, x.at(first + i, r.x), Activation::none,
                in.at(first + i, r.x));
        done(strip, x);
      }
    }
  }

  /// The hidden layer of a block's perceptron, GELU(expand(norm2(x))), for a strip.
  [[gnu::noinline]] void hidden(const BlockWeights& block, const PixelRows& x, const Rect& strip) {
    for (Index i = 0; i < strip.h; ++i)
      normalise(x.at(strip.y + i, strip.x), strip.w, block.norm2, normed_ + i * strip.w * image_.L);
    dense(normed_, strip.h * strip.w, *block.expand, hidden_, Activation::gelu);
  }
  /// z = contract(hidden) for the strip that `hidden` was called with.
  void contracted(const BlockWeights& block, const Rect& strip, const PixelRows& z) const {
    for (Index i = 0; i < strip.h; ++i)
      dense(hidden_row(strip, i), strip.w, *block.contract, z.at(strip.y + i, strip.x));
  }
  /// The same on scratch.
  [[gnu::noinline]] PixelRows contracted(const BlockWeights& block, const Rect& strip) const {
    dense(hidden_, strip.h * strip.w, *block.contract, z_);
    return scratch_rows(z_, strip);
  }

  /// y = ReLU(x + gate z), then ReLU(y + u) unless that is null, pixel by pixel; y may be x.
  [[gnu::noinline]] void gated(const float* x, const float* z, const float* gate, Index count,
                               float* y, const float* u = nullptr) const {
    const int L = image_.L;
    for (Index p = 0; p < count * L; p += L)
      loops_.gate_row(z + p, gate, x + p, u ? u + p : nullptr, L, y + p);
  }

  /// The colours of a row: to_rgb(ReLU(ReLU(x + gate z) + u)).
  void finish(const float* x, const float* z, const float* gate, Index row, Index column,
              Index count, float* rgb) const {
    head_row(row, column, count, value_);
    gated(x, z, gate, count, normed_, value_);
    dense(normed_, count, *image_.to_rgb, rgb);
  }

  /// sums(c) = sum of the hidden layer of row i of the strip.
  void sum_hidden(const Rect& strip, Index i, double* sums) const {
    loops_.sum_pixels(hidden_row(strip, i), strip.w, 2 * image_.L, sums);
  }

  /// The rectangle buffer for a block's result.
  [[nodiscard]] PixelRows result(const Rect& r) const { return {r_, r.y, r.x, r.w, image_.L}; }

 private:
  static Index scratch_per_pixel(int L) {
    const InvolutionShape shape{L};
    return strip_rows * (6 * Index{L} + shape.kernels()) + reduced_rows * shape.reduced();
  }
  void head_row(Index row, Index x, Index count, float* u) const {
    const int L = image_.L;
    const float* line =
        image_.features.data() + image_.rows.index(row) * image_.features.extent<'w'>() * L;
    for (Index c = x; c < x + count; ++c, u += L)
      loops_.relu_of_three(line + image_.columns.index(c) * L, image_.column_table.data() + c * L,
                           image_.row_table.data() + row * L, L, u);
  }
  void normalise(const float* x, Index count, const Norm& norm, float* y) const {
    cpu::normalise(loops_, Rows<const float>(x, count, image_.L), norm, y);
  }
  /// y = residual + activation(x w + bias) for `count` rows of as many channels as w is deep.
  [[gnu::noinline]] void dense(const float* x, Index count, const PackedWeights& weights, float* y,
                               Activation activation = Activation::none,
                               const float* residual = nullptr) const {
    cpu::dense(loops_, Rows<const float>(x, count, weights.depth), weights, y, activation,
               residual);
  }
  /// ReLU of the 3x3 convolution that precedes the kernels, for an even number of rows of `count`
  /// pixels.
  void reduce(const BlockWeights& block, const float* a, Index pitch, Index rows,
              Index count) const {
    const int L = image_.L, reduced = InvolutionShape{L}.reduced();
    const Output y{.data = reduced_,
                   .row_stride = reduced,
                   .bias = block.reduce->bias.data(),
                   .activation = Activation::relu};
    const Index across = count / 2;
    WinogradTiles::run(
        loops_, *block.reduce, rows / 2 * across,
        [&](Index t) { return a + 2 * (t / across * pitch + t % across * L); }, pitch, y,
        [&](Index t, int p) {
          return (2 * (t / across) + p / 2) * count + 2 * (t % across) + p % 2;
        },
        winograd_);
  }
  /// A row of the involution. `a` is where the neighbours of its first pixel begin.
  void involve(const float* a, Index pitch, const float* kernels, Index row, const Rect& r,
               float* y) const {
    const int L = image_.L, per_pixel = InvolutionShape{L}.kernels();
    const float* down = &image_.row_factor(row, 0);
    for (Index c = 0; c < r.w; ++c) {
      const float* across = &image_.column_factor(r.x + c, 0);
      float factors[9];
      for (int tap = 0; tap < 9; ++tap) factors[tap] = down[tap / 3] * across[tap % 3];
      loops_.involution(a + c * L, pitch, kernels + c * per_pixel, factors, L, y + c * L);
    }
  }
  [[nodiscard]] PixelRows scratch_rows(float* data, const Rect& strip) const {
    return {data, strip.y, strip.x, strip.w, image_.L};
  }
  [[nodiscard]] const float* hidden_row(const Rect& strip, Index i) const {
    return hidden_ + i * strip.w * 2 * image_.L;
  }

  const Loops& loops_;
  const KrigingImage& image_;
  float *u_, *a_, *r_, *normed_, *value_, *x_, *z_, *hidden_, *kernels_, *reduced_, *winograd_;
};

}}}  // namespace eqsr::EQSR_ABI::cpu
