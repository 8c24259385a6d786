// SPDX-License-Identifier: Apache-2.0
// What linear layers over tiles of pixels have in common.
#pragma once
#include "product.hpp"
#include "prologue.hpp"

// to [rows,width] += bias + residual, each of which may be left out.
inline void add_rows(float* to, const float* bias, const float* residual, int64_t rows,
                     int64_t width) {
  if (!bias && !residual) return;
  for (int64_t r = 0; r < rows; ++r, to += width)
    for (int64_t i = 0; i < width; i += lanes) {
      vec v = load(to + i);
      if (bias) v += load(bias + i);
      if (residual) v += load(residual + r * width + i);
      store(to + i, v);
    }
}

// sums [width] += those of the columns of from [rows,width]; nothing where `sums` is null.
inline void add_sums(float* sums, const float* from, int64_t rows, int64_t width) {
  for (int64_t i = 0; sums && i < width; i += lanes) {
    vec total{};
    for (int64_t r = 0; r < rows; ++r) total += load(from + r * width + i);
    store(sums + i, load(sums + i) + total);
  }
}

// The transpose of a layer's weight [width,in] as right operand, with the floats it may point at.
template <class Math>
struct Turned {
  std::vector<float> values;
  typename Math::Right right;

  Turned(const float* weight, int64_t width, int64_t in) : values(in * width), right(in, width) {
    transpose(weight, width, in, in, values.data(), width);
    right.pack(values.data(), in, width, width);
  }
};
