// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/product.hpp>        // Buffer, Panels
#include <eqsr/layer/window_attention.hpp>  // shift_mask

#include <cstring>  // memcpy

namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// Scores are counted in powers of two, which is what the softmax takes: log2(e) times what the
/// specification has.
inline constexpr double score_unit = 1.4426950408889634;

/// The sizes of attention in windows: M x M queries, Mo x Mo keys, heads of d channels.
struct AttentionShape {
  static constexpr int rows = 24;  ///< queries at a time: their scores stay in the cache

  int heads, window, key_window, d;

  [[nodiscard]] int channels() const { return heads * d; }
  [[nodiscard]] int queries() const { return window * window; }
  [[nodiscard]] int keys() const { return key_window * key_window; }
  [[nodiscard]] int padded_keys() const { return round_up(keys(), 16); }
  [[nodiscard]] int padded_d() const { return round_up(d, 16); }
  /// Of the queries.
  [[nodiscard]] float scale() const {
    return static_cast<float>(score_unit / std::sqrt(double(d)));
  }
  /// Floats that one thread needs for a head.
  [[nodiscard]] Index scratch() const {
    return pointers() + Index{queries()} * d + Index{padded_keys()} * d +
           Index{keys()} * padded_d() + Index{rows} * (padded_keys() + padded_d()) + queries();
  }
  /// Floats that the addresses of the tokens take.
  [[nodiscard]] Index pointers() const {
    return (2 * Index{queries()} + keys()) * Index{sizeof(float*)} / Index{sizeof(float)};
  }
};
/// The sizes of a layer of attention of either kind.
template <class Attention>
inline constexpr AttentionShape attention_shape{Attention::heads, Attention::window,
                                                Attention::key_window,
                                                Attention::channels / Attention::heads};

/// Where the tokens of a window are. Windows are cut from the plane rolled by (-shift, -shift); the
/// larger window of the keys has the same centre.
struct Window {
  AttentionShape shape;
  int shift;        ///< at most a window
  Index h, w;       ///< of the plane
  Index top, left;  ///< of the window, in the rolled plane

  /// The token of the plane that query i is.
  [[nodiscard]] Index query(int i) const {
    return token(top + i / shape.window, left + i % shape.window);
  }
  /// The token that key j is, negative outside the plane.
  [[nodiscard]] Index key(int j) const {
    const int margin = (shape.key_window - shape.window) / 2;
    const Index row = top + j / shape.key_window - margin;
    const Index column = left + j % shape.key_window - margin;
    const bool outside = row < 0 || row >= h || column < 0 || column >= w;
    return outside ? Index{-1} : token(row, column);
  }
  /// Whether the roll has joined tokens here that are not neighbours.
  [[nodiscard]] bool is_cut() const {
    return shift > 0 && (top + shape.window == h || left + shape.window == w);
  }
  /// Queries and keys of different regions are such tokens.
  [[nodiscard]] int region(int i) const {
    const int M = shape.window;
    return shift_region(top + i / M, h, M, shift) * 3 + shift_region(left + i % M, w, M, shift);
  }

 private:
  [[nodiscard]] Index token(Index row, Index column) const {
    row += shift;
    column += shift;
    return (row < h ? row : row - h) * w + (column < w ? column : column - w);
  }
};

/// Calls `task(window, head, thread)` for each window of a plane and each of `heads`.
template <class Task>
void for_each_window(Context<Cpu>& ctx, const AttentionShape& shape, int shift,
                     Plane<const float> x, int heads, const Task& task) {
  const Index h = x.extent<'h'>(), w = x.extent<'w'>(), across = w / shape.window;
  ctx.parallel_for(h / shape.window * across * heads, [&](Index index, int thread) {
    const Index window = index / heads;
    task(Window{shape, shift, h, w, window / across * shape.window, window % across * shape.window},
         static_cast<int>(index % heads), thread);
  });
}

/// The relative position bias of each head, gathered so that the keys of one row are neighbours:
/// value(head, dy, dx) for the offset from a query to a key, each counted in its own window.
class BiasTable {
 public:
  /// `row(dy, dx)` is the row of the table (rows, heads) for that offset.
  template <class RowOf>
  BiasTable(const AttentionShape& shape, const float* table, const RowOf& row)
      : side_(side_of(shape)), window_(shape.window), data_(size(shape)) {
    float* to = data_.data();
    for (int head = 0; head < shape.heads; ++head)
      for (int dy = 1 - window_; dy < shape.key_window; ++dy)
        for (int dx = 1 - window_; dx < shape.key_window; ++dx)
          *to++ = static_cast<float>(
              score_unit * double(flushed(table[Index{row(dy, dx)} * shape.heads + head])));
  }
  static std::size_t bytes(const AttentionShape& shape) { return Buffer::bytes(size(shape)); }
  /// The biases of query i and the keys of the first key row; the next row's are `side()` floats
  /// further on.
  [[nodiscard]] const float* first_row(int head, int i) const {
    const int y = i / window_, x = i % window_;
    return data_.data() + (Index{head} * side_ - y + window_ - 1) * side_ + window_ - 1 - x;
  }
  [[nodiscard]] int side() const { return side_; }

 private:
  static int side_of(const AttentionShape& shape) { return shape.window + shape.key_window - 1; }
  static Index size(const AttentionShape& shape) {
    return Index{shape.heads} * side_of(shape) * side_of(shape);
  }
  int side_, window_;
  Buffer data_;
};

/// The gathered table of a layer of attention of either kind.
template <class Attention>
BiasTable bias_table(const Attention& layer) {
  return BiasTable(attention_shape<Attention>, layer.relative_position_bias_table.data(),
                   [](int dy, int dx) { return Attention::bias_row(dy, dx); });
}

/// One head of attention in one window, on scratch of `shape.scratch()` floats. Say where the
/// tokens are, gather what is not in order, mask, then attend.
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
        values_(scores_ + AttentionShape::rows * shape.padded_keys()),
        regions_(reinterpret_cast<int*>(values_ + AttentionShape::rows * shape.padded_d())) {}

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
  /// Keys that lie `offset` floats into their tokens, into panels [panel][c][16]: four channels of
  /// four keys at a time.
  [[gnu::noinline]] void gather_keys(Index offset) {
    constexpr int width = Panels::width;
    const int d = shape_.d;
    for (int first = 0; first < shape_.padded_keys(); first += 4) {
      const float* from[4];
      for (int i = 0; i < 4; ++i)
        from[i] = first + i < shape_.keys() && key[first + i] ? key[first + i] + offset : nullptr;
      float* column = k_ + first / width * width * d + first % width;
      int c = 0;
      for (; c + 4 <= d; c += 4) transpose(from, c, column + c * width);
      for (; c < d; ++c)
        for (int i = 0; i < 4; ++i) column[c * width + i] = from[i] ? from[i][c] : 0.0f;
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

  /// Masks the pairs of tokens that only the roll has joined in this window.
  void mask(const Window& window) {
    masked_ = window.is_cut();
    for (int i = 0; masked_ && i < shape_.queries(); ++i) regions_[i] = window.region(i);
  }
  [[gnu::noinline]] void attend(const Loops& loops, const BiasTable& bias, int head) {
    const int d = shape_.d, padded_d = shape_.padded_d();
    const int keys = shape_.keys(), padded_keys = shape_.padded_keys();
    for (int begin = 0; begin < shape_.queries(); begin += AttentionShape::rows) {
      const int count = (std::min)(AttentionShape::rows, shape_.queries() - begin);
      for (int r = 0; r < count; ++r) {
        const int i = begin + r, side = shape_.key_window;
        float* scores = scores_ + r * padded_keys;
        loops.copy_rows(bias.first_row(head, i), bias.side(), side, side, scores);
        if (masked_)
          loops.mask(regions_, regions_[i], keys,
                     static_cast<float>(score_unit * double(shift_mask)), scores);
      }
      const Panels keys_t{k_, Panels::width, Index{Panels::width} * d};
      loops.accumulate(queries_ + begin * query_stride_, count, query_stride_, keys_t, d,
                       padded_keys, false, scores_, padded_keys, nullptr);
      float inverse[AttentionShape::rows];
      for (int r = 0; r < count; ++r) inverse[r] = loops.softmax(scores_ + r * padded_keys, keys);
      const Panels values{value_rows_, value_stride_, Panels::width};
      loops.accumulate(scores_, count, padded_keys, values, keys, padded_d, true, values_, padded_d,
                       nullptr);
      for (int r = 0; r < count; ++r)
        loops.scale(values_ + r * padded_d, inverse[r], d, target[begin + r]);
    }
  }

 private:
  typedef float Four __attribute__((vector_size(16)));
  static Four four(const float* from, int c) {
    Four x{};
    if (from) std::memcpy(&x, from + c, sizeof x);
    return x;
  }
  /// Four channels of four keys, from[i][c + k], to the panel's to[k][i].
  static void transpose(const float* const (&from)[4], int c, float* to) {
    const Four rows[4] = {four(from[0], c), four(from[1], c), four(from[2], c), four(from[3], c)};
    const Four low = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
    const Four high = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
    const Four low2 = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
    const Four high2 = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
    const Four columns[4] = {__builtin_shufflevector(low, low2, 0, 1, 4, 5),
                             __builtin_shufflevector(low, low2, 2, 3, 6, 7),
                             __builtin_shufflevector(high, high2, 0, 1, 4, 5),
                             __builtin_shufflevector(high, high2, 2, 3, 6, 7)};
    for (int k = 0; k < 4; ++k) std::memcpy(to + k * Panels::width, &columns[k], sizeof(Four));
  }

  AttentionShape shape_;
  float *q_, *k_, *v_, *scores_, *values_;
  int* regions_;
  bool masked_ = false;
  const float *queries_ = nullptr, *value_rows_ = nullptr;
  Index query_stride_ = 0, value_stride_ = 0;
};

/// What attention alone needs: the gathered bias, and a head's work for each thread.
struct AttentionScratch {
  const BiasTable* bias;
  float* heads;
};
template <class C, class Attention>
AttentionScratch attention_scratch(Scope<C>& memory, const Attention& layer) {
  constexpr AttentionShape shape = attention_shape<Attention>;
  C& ctx = memory.context();
  return {
      ctx.template prepare<BiasTable>(layer.prepared, layer.relative_position_bias_table.stamp(),
                                      BiasTable::bytes(shape), [&] { return bias_table(layer); }),
      memory.floats(ctx.threads() * shape.scratch())};
}

/// Attention of either kind on projected tokens qkv (h, w, [3][heads][d]). Networks run it as a
/// part of their blocks, where nothing of the size of the image is written: window_block.hpp.
[[gnu::noinline]] inline void attention(Context<Cpu>& ctx, const AttentionScratch& scratch,
                                        const AttentionShape& shape, int shift,
                                        Plane<const float> qkv, Plane<float> y) {
  const int channels = shape.channels();
  for_each_window(ctx, shape, shift, qkv, shape.heads,
                  [&](const Window& window, int h, int thread) {
                    AttentionHead head(shape, scratch.heads + thread * shape.scratch());
                    const float* source = qkv.data() + h * shape.d;
                    for (int i = 0; i < shape.queries(); ++i) {
                      const Index token = window.query(i);
                      head.query[i] = source + token * 3 * channels;
                      head.target[i] = y.data() + token * channels + h * shape.d;
                    }
                    for (int j = 0; j < shape.keys(); ++j) {
                      const Index token = window.key(j);
                      head.key[j] = token < 0 ? nullptr : source + token * 3 * channels;
                    }
                    head.gather_queries(0);
                    head.gather_keys(channels);
                    head.gather_values(2 * channels);
                    head.mask(window);
                    head.attend(loops_of(ctx.isa()), *scratch.bias, h);
                  });
}

}}}  // namespace eqsr::EQSR_ABI::cpu
