// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>  // Buffer

namespace eqsr::inline EQSR_ABI::cpu {

/// The relative position bias of each head, gathered so that the keys of one row are neighbours:
/// value(head, dy, dx) for the offset from a query to a key, each counted in its own window.
class BiasTable {
 public:
  template <class Value>
  BiasTable(int heads, int window, int key_window, const Value& value)
      : side_(window + key_window - 1), window_(window), data_(Index{heads} * side_ * side_) {
    float* to = data_.data();
    for (int head = 0; head < heads; ++head)
      for (int dy = 1 - window; dy < key_window; ++dy)
        for (int dx = 1 - window; dx < key_window; ++dx) *to++ = value(head, dy, dx);
  }
  /// The biases of query (y, x) and the keys of key row `key_y`.
  [[nodiscard]] const float* row(int head, int y, int x, int key_y) const {
    return data_.data() + (Index{head} * side_ + key_y - y + window_ - 1) * side_ + window_ - 1 - x;
  }

 private:
  int side_, window_;
  Buffer data_;
};

/// One head of attention in one window: M x M queries, Mo x Mo keys, d channels.
template <int M, int Mo, int d>
class AttentionHead {
 public:
  static constexpr int queries = M * M, keys = Mo * Mo;
  static constexpr int padded_d = (d + 15) / 16 * 16, padded_keys = (keys + 15) / 16 * 16;
  static constexpr int rows = 24;  ///< queries at a time: their scores stay in the cache

  /// Scratch floats of one thread.
  static constexpr Index scratch = Index{queries} * d + Index{padded_keys} * d +
                                   Index{keys} * padded_d + Index{rows} * padded_keys +
                                   Index{rows} * padded_d + 64;

  explicit AttentionHead(float* memory)
      : q_(memory),
        k_(q_ + queries * d),
        v_(k_ + padded_keys * d),
        scores_(v_ + keys * padded_d),
        values_(scores_ + rows * padded_keys) {}

  /// Gathers queries, keys and values. `query(i)` and `key(j)` point to the channels of a token;
  /// a null key is zero. `k_offset` and `v_offset` lead from a token to its key and value.
  template <class Query, class Key>
  void gather(const Query& query, const Key& key, Index k_offset, Index v_offset) {
    const float scale = static_cast<float>(1 / std::sqrt(double(d)));
    for (int i = 0; i < queries; ++i) {
      const float* from = query(i);
      for (int c = 0; c < d; ++c) q_[i * d + c] = from[c] * scale;
    }
    for (int j = 0; j < padded_keys; ++j) {
      const float* from = j < keys ? key(j) : nullptr;
      const int left = j / PackedMatrix::panel * PackedMatrix::panel;
      const int width = std::min(PackedMatrix::panel, padded_keys - left);
      float* column = k_ + left * d + j - left;  // panels of keys: [panel][c][key]
      for (int c = 0; c < d; ++c) column[c * width] = from ? from[k_offset + c] : 0.0f;
      if (j >= keys) continue;
      float* value = v_ + j * padded_d;
      for (int c = 0; c < padded_d; ++c) value[c] = from && c < d ? from[v_offset + c] : 0.0f;
    }
  }

  /// Attends with the gathered tokens: `bias(i, scores)` adds to the scores of query i, and
  /// `target(i)` points to the d channels of its result.
  template <class Simd, class Bias, class Target>
  void attend(Simd simd, const Bias& bias, const Target& target) {
    for (int begin = 0; begin < queries; begin += rows) {
      const int count = std::min(rows, queries - begin);
      for (int r = 0; r < count; ++r) bias(begin + r, scores_ + r * padded_keys);
      for (int left = 0; left < padded_keys; left += PackedMatrix::panel) {
        const int width = std::min(PackedMatrix::panel, padded_keys - left);
        simd.accumulate(q_ + begin * d, count, d, k_ + left * d, width, d, width, scores_ + left,
                        padded_keys);
      }
      float inverse[rows];
      for (int r = 0; r < count; ++r) inverse[r] = simd.softmax(scores_ + r * padded_keys, keys);
      std::fill_n(values_, rows * padded_d, 0.0f);
      simd.accumulate(scores_, count, padded_keys, v_, padded_d, keys, padded_d, values_, padded_d);
      for (int r = 0; r < count; ++r)
        simd.scale(values_ + r * padded_d, inverse[r], d, target(begin + r));
    }
  }

 private:
  float *q_, *k_, *v_, *scores_, *values_;
};

}  // namespace eqsr::inline EQSR_ABI::cpu
