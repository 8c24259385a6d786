// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/product.hpp>  // Buffer, PackedMatrix

/// 3x3 convolutions by Winograd's minimal filtering F(2x2, 3x3): tiles of 2 x 2 results from 4 x 4
/// inputs with 16 multiplications a pair of channels instead of 36. Tiles begin at even rows and
/// columns of the image, so a pixel's rounding depends on its surroundings only. The error is that
/// of the direct sum, about 4e-7 of the result's size.
/// Source    Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016
namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// Transformed and packed weights: a matrix (inputs, outputs) for each of the 16 positions.
struct WinogradWeights {
  Buffer values, bias;
  int inputs, outputs;

  WinogradWeights(int in, int out)
      : values(Index{16} * in * round_up(out, 16)),
        bias(round_up(out, 16)),
        inputs(in),
        outputs(out) {}
  static std::size_t bytes(int in, int out) {
    return Buffer::bytes(Index{16} * in * round_up(out, 16)) + Buffer::bytes(round_up(out, 16));
  }

  [[nodiscard]] int columns() const { return round_up(outputs, 16); }
  [[nodiscard]] PackedMatrix matrix(int position) const {
    return {values.data() + Index{position} * inputs * columns(), inputs, outputs};
  }
  [[nodiscard]] float& at(int position, int k, int n) const {
    return values.data()[Index{position} * inputs * columns() + matrix(0).offset(k, n)];
  }
};

/// G g Gᵀ of weights (o, c, y, x); a null bias is zero.
[[gnu::noinline]] inline WinogradWeights pack_3x3(int outputs, int inputs, const float* weight,
                                                  const float* bias) {
  WinogradWeights packed(inputs, outputs);
  for (int o = 0; o < outputs; ++o)
    for (int c = 0; c < inputs; ++c) {
      const float* g = weight + (Index{o} * inputs + c) * 9;
      const auto row = [](double a, double b, double d, int i) {
        return i == 0 ? a : i == 3 ? d : (a + d + (i == 1 ? b : -b)) / 2;
      };
      for (int position = 0; position < 16; ++position) {
        double column[3];
        for (int x = 0; x < 3; ++x)
          column[x] = row(double(flushed(g[x])), double(flushed(g[3 + x])),
                          double(flushed(g[6 + x])), position / 4);
        packed.at(position, c, o) =
            static_cast<float>(row(column[0], column[1], column[2], position % 4));
      }
    }
  if (bias) std::transform(bias, bias + outputs, packed.bias.data(), flushed);
  return packed;
}

/// Some tiles, on one thread.
class WinogradTiles {
 public:
  static Index scratch(int inputs, int outputs, Index tiles) {
    const int columns = round_up(outputs, 16);
    return 16 * (stride(tiles, inputs) + stride(tiles, columns)) + 4 * columns;
  }

  /// `patch(t)` is where the 4 x 4 inputs of tile t begin, in rows that are `pitch` floats apart;
  /// `place(t, p)` is the row of `y` that pixel p = 2 y + x of tile t goes to, or negative.
  template <class Patch, class Place>
  static void run(const Loops& loops, const WinogradWeights& weights, Index tiles,
                  const Patch& patch, Index pitch, const Output& y, const Place& place,
                  float* memory) {
    const int inputs = weights.inputs, columns = weights.columns();
    const Index v_stride = stride(tiles, inputs), m_stride = stride(tiles, columns);
    float *v = memory, *m = v + 16 * v_stride, *sums = m + 16 * m_stride;
    for (Index t = 0; t < tiles; ++t)
      loops.transform_input(patch(t), pitch, inputs, v + t * inputs, v_stride);
    for (int position = 0; position < 16; ++position)
      loops.product(v + position * v_stride, tiles, weights.matrix(position),
                    m + position * m_stride);
    for (Index t = 0; t < tiles; ++t) {
      loops.transform_output(m + t * columns, m_stride, columns, sums);
      for (int p = 0; p < 4; ++p)
        if (const Index row = place(t, p); row >= 0)
          loops.finish(Sums{sums + p * columns, columns, row, 1, 0, weights.outputs}, y);
    }
  }

 private:
  /// Floats from one position's matrix to the next: an odd number of cache lines, or the 16 numbers
  /// that a transform reads or writes would compete for one set of the first-level cache.
  static Index stride(Index tiles, int channels) { return round_up(tiles * channels, 32) + 16; }
};

}}}  // namespace eqsr::EQSR_ABI::cpu
