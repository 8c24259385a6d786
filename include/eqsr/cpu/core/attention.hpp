// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/product.hpp>        // Buffer, PackedMatrix
#include <eqsr/layer/window_attention.hpp>  // shift_mask

namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// The relative position bias of each head, gathered so that the keys of one row are neighbours:
/// value(head, dy, dx) for the offset from a query to a key, each counted in its own window.
class BiasTable {
 public:
  /// `row(dy, dx)` is the row of the table (rows, heads) for that offset.
  template <class RowOf>
  BiasTable(int heads, int window, int key_window, const float* table, const RowOf& row)
      : side_(window + key_window - 1), window_(window), data_(Index{heads} * side_ * side_) {
    float* to = data_.data();
    for (int head = 0; head < heads; ++head)
      for (int dy = 1 - window; dy < key_window; ++dy)
        for (int dx = 1 - window; dx < key_window; ++dx)
          *to++ = flushed(table[Index{row(dy, dx)} * heads + head]);
  }
  static std::size_t bytes(int heads, int window, int key_window) {
    const Index side = window + key_window - 1;
    return Buffer::bytes(heads * side * side);
  }
  /// The biases of query (y, x) and the keys of the first key row; the next row's are `side()`
  /// floats further on.
  [[nodiscard]] const float* first_row(int head, int y, int x) const {
    return data_.data() + (Index{head} * side_ - y + window_ - 1) * side_ + window_ - 1 - x;
  }
  [[nodiscard]] int side() const { return side_; }

 private:
  int side_, window_;
  Buffer data_;
};

/// The sizes of one head of attention: M x M queries, Mo x Mo keys, d channels.
struct AttentionShape {
  static constexpr int rows = 24;  ///< queries at a time: their scores stay in the cache

  int window, key_window, d;

  [[nodiscard]] int queries() const { return window * window; }
  [[nodiscard]] int keys() const { return key_window * key_window; }
  [[nodiscard]] int padded_keys() const { return round_up(keys(), 16); }
  [[nodiscard]] int padded_d() const { return round_up(d, 16); }
  [[nodiscard]] float scale() const { return static_cast<float>(1 / std::sqrt(double(d))); }
  /// Floats that one thread needs.
  [[nodiscard]] Index scratch() const {
    return pointers() + Index{queries()} * d + Index{padded_keys()} * d +
           Index{keys()} * padded_d() + Index{rows} * (padded_keys() + padded_d());
  }
  /// Floats that the addresses of the tokens take.
  [[nodiscard]] Index pointers() const {
    return (2 * Index{queries()} + keys()) * Index{sizeof(float*)} / Index{sizeof(float)};
  }
};

/// One head of attention in one window, on scratch of `shape.scratch()` floats. Say where the
/// tokens are, gather what is not in order, then attend.
class AttentionHead {
 public:
  const float** query;  ///< where each query's token is
  const float** key;    ///< where each key's token is, null for a zero
  float** target;       ///< where each query's result goes

  AttentionHead(const AttentionShape& shape, float* memory)
      : query(reinterpret_cast<const float**>(memory)),
        key(query + shape.queries()),
        target(reinterpret_cast<float**>(memory) + shape.queries() + shape.keys()),
        shape_(shape),
        q_(memory + shape.pointers()),
        k_(q_ + shape.queries() * shape.d),
        v_(k_ + shape.padded_keys() * shape.d),
        scores_(v_ + shape.keys() * shape.padded_d()),
        values_(scores_ + AttentionShape::rows * shape.padded_keys()) {}

  /// Queries that lie `offset` floats into their tokens and still need their scale.
  [[gnu::noinline]] void gather_queries(Index offset) {
    const int d = shape_.d;
    for (int i = 0; i < shape_.queries(); ++i)
      for (int c = 0; c < d; ++c) q_[i * d + c] = query[i][offset + c] * shape_.scale();
    use_queries(q_, d);
  }
  /// Scaled queries in rows.
  void use_queries(const float* first, Index stride) {
    queries_ = first;
    query_stride_ = stride;
  }
  /// Keys that lie `offset` floats into their tokens, into panels [panel][c][key].
  [[gnu::noinline]] void gather_keys(Index offset) {
    const int d = shape_.d, padded_keys = shape_.padded_keys();
    for (int j = 0; j < padded_keys; ++j) {
      const float* from = j < shape_.keys() ? key[j] : nullptr;
      const int left = j / PackedMatrix::panel * PackedMatrix::panel;
      const int width = (std::min)(PackedMatrix::panel, padded_keys - left);
      float* column = k_ + left * d + j - left;
      for (int c = 0; c < d; ++c) column[c * width] = from ? from[offset + c] : 0.0f;
    }
  }
  /// Values that lie `offset` floats into their tokens.
  [[gnu::noinline]] void gather_values(Index offset) {
    const int padded_d = shape_.padded_d();
    for (int j = 0; j < shape_.keys(); ++j) {
      float* value = v_ + j * padded_d;
      std::fill_n(value, padded_d, 0.0f);
      if (key[j]) std::copy_n(key[j] + offset, shape_.d, value);
    }
    use_values(v_, padded_d);
  }
  /// Values in rows, followed by zeros up to `padded_d` channels.
  void use_values(const float* first, Index stride) {
    value_rows_ = first;
    value_stride_ = stride;
  }

  /// Attends. `region`, unless null, names the region of every token of a window that a shift has
  /// cut.
  [[gnu::noinline]] void attend(Isa isa, const BiasTable& bias, int head, const int* region) {
    with_isa(isa, [&](auto simd) {
      const int d = shape_.d, padded_d = shape_.padded_d();
      const int keys = shape_.keys(), padded_keys = shape_.padded_keys();
      for (int begin = 0; begin < shape_.queries(); begin += AttentionShape::rows) {
        const int count = (std::min)(AttentionShape::rows, shape_.queries() - begin);
        for (int r = 0; r < count; ++r) {
          const int i = begin + r, side = shape_.key_window;
          float* scores = scores_ + r * padded_keys;
          simd.copy_rows(bias.first_row(head, i / shape_.window, i % shape_.window), bias.side(),
                         side, side, scores);
          if (region) mask(region, i, scores);
        }
        for (int left = 0; left < padded_keys; left += PackedMatrix::panel) {
          const int width = (std::min)(PackedMatrix::panel, padded_keys - left);
          simd.accumulate(queries_ + begin * query_stride_, count, query_stride_, k_ + left * d,
                          width, d, width, false, scores_ + left, padded_keys);
        }
        float inverse[AttentionShape::rows];
        for (int r = 0; r < count; ++r) inverse[r] = simd.softmax(scores_ + r * padded_keys, keys);
        simd.accumulate(scores_, count, padded_keys, value_rows_, value_stride_, keys, padded_d,
                        true, values_, padded_d);
        for (int r = 0; r < count; ++r)
          simd.scale(values_ + r * padded_d, inverse[r], d, target[begin + r]);
      }
    });
  }

 private:
  void mask(const int* region, int i, float* scores) const {
    for (int j = 0; j < shape_.keys(); ++j)
      if (region[i] != region[j]) scores[j] += shift_mask;
  }

  AttentionShape shape_;
  float *q_, *k_, *v_, *scores_, *values_;
  const float *queries_ = nullptr, *value_rows_ = nullptr;
  Index query_stride_ = 0, value_stride_ = 0;
};

}}}  // namespace eqsr::EQSR_ABI::cpu
