// SPDX-License-Identifier: Apache-2.0
// Products of bfloat16 by AMX. Operands are words of two numbers that stand behind each other in
// the depth: left [rows,depth/2], right [depth/2,columns]; behind the depth stand zeros up to a
// multiple of 32. (By AVX-512 they take longer than those of float32 on an Intel Xeon.)
#pragma once
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "vector.hpp"

typedef uint32_t words __attribute__((vector_size(64)));

class Bfloat16 {
 public:
  static constexpr int64_t tile = 64, side = 16;  // a register of AMX has 16 rows of 16 words

  // Words on a cache line's border.
  class Words {
   public:
    explicit Words(int64_t size) : kept_(size + side) {
      data = kept_.data() + (-reinterpret_cast<uintptr_t>(kept_.data()) / 4) % side;
    }
    Words(const Words&) = delete;

    uint32_t* data;

   private:
    std::vector<uint32_t> kept_;
  };

  static int64_t deep(int64_t depth) { return (depth + 31) / 32 * 16; }  // in words

  class Left {
   public:
    Left(int64_t rows, int64_t depth)
        : words((rows + side - 1) / side * side * deep(depth)), between(rows * deep(depth)) {}

    // Of a depth that is a multiple of 16.
    void pack(const float* from, int64_t rows, int64_t depth, int64_t ld) {
      this->rows = rows, this->depth = deep(depth);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t k = 0; k < this->depth; k += 16) {
          const float* p = from + r * ld + 2 * k;
          put(words.data + r * this->depth + k,
              pair(load(p), 2 * k + 16 < depth ? load(p + 16) : vec{}));
        }
    }

    void turn(const float* from, int64_t rows, int64_t depth, int64_t ld) {
      this->rows = rows, this->depth = deep(depth);
      interleave(from, depth, rows, ld, between.data);
      transpose(reinterpret_cast<const float*>(between.data), this->depth, rows, rows,
                reinterpret_cast<float*>(words.data), this->depth);
    }

    Words words, between;
    int64_t rows, depth;
  };

  class Right {
   public:
    Right(int64_t depth, int64_t columns) : words(deep(depth) * columns) {}

    void pack(const float* from, int64_t depth, int64_t columns, int64_t ld) {
      this->columns = columns;
      interleave(from, depth, columns, ld, words.data);
    }

    Words words;
    int64_t columns;
  };

  // Whether the system lets this process use the registers, for which it has to be asked.
  static bool available() {
    static const bool allowed = syscall(SYS_arch_prctl, 0x1023, 18) == 0;
    return allowed;
  }

  Bfloat16() {
    struct alignas(64) {
      uint8_t palette = 1, start = 0, none[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } layout;
    _tile_loadconfig(&layout);
  }
  ~Bfloat16() { _tile_release(); }

  void product(const Left& a, const Right& b, float* c, int64_t ldc, bool add = false) const {
    int64_t r = 0;
    for (; r + 32 <= a.rows; r += 32) panel<2>(a, b, r, c + r * ldc, ldc, add);
    if (r + 16 <= a.rows) panel<1>(a, b, r, c + r * ldc, ldc, add), r += 16;
    if (r == a.rows) return;
    std::vector<float> rest(side * b.columns);
    for (int64_t i = r; add && i < a.rows; ++i)
      std::copy_n(c + i * ldc, b.columns, rest.data() + (i - r) * b.columns);
    panel<1>(a, b, r, rest.data(), b.columns, add);
    for (int64_t i = r; i < a.rows; ++i)
      std::copy_n(rest.data() + (i - r) * b.columns, b.columns, c + i * ldc);
  }

 private:
  // 32 numbers, rounded.
  static words pair(vec low, vec high) {
    return reinterpret_cast<words>(_mm512_cvtne2ps_pbh(high, low));
  }
  static void put(uint32_t* p, words v) { std::memcpy(p, &v, sizeof v); }

  // Rows of floats to rows of words, each of two rows' numbers.
  static void interleave(const float* from, int64_t rows, int64_t columns, int64_t ld,
                         uint32_t* to) {
    typedef uint16_t halves __attribute__((vector_size(64)));
    halves order;
    for (int i = 0; i < 32; ++i) order[i] = i / 2 + i % 2 * 16;
    for (int64_t k = 0; k < deep(rows); ++k, to += columns)
      for (int64_t i = 0; i < columns; i += 16) {
        const float* p = from + 2 * k * ld + i;
        const vec low = 2 * k < rows ? load(p) : vec{},
                  high = 2 * k + 1 < rows ? load(p + ld) : vec{};
        put(to + i, reinterpret_cast<words>(
                        __builtin_shuffle(reinterpret_cast<halves>(pair(low, high)), order)));
      }
  }

  // 16 R rows of c.
  template <int R>
  static void panel(const Left& a, const Right& b, int64_t row, float* c, int64_t ldc, bool add) {
    int64_t n = 0;
    for (; n + 32 <= b.columns; n += 32) registers<R, 2>(a, b, row, n, c + n, ldc, add);
    if (n < b.columns) registers<R, 1>(a, b, row, n, c + n, ldc, add);
  }

  // 16 R rows and 16 C columns of c.
  template <int R, int C>
  static void registers(const Left& a, const Right& b, int64_t row, int64_t column, float* c,
                        int64_t ldc, bool add) {
    const uint32_t *left = a.words.data + row * a.depth, *right = b.words.data + column;
    const int64_t lda = 4 * a.depth, ldb = 4 * b.columns;
    float* below = c + side * ldc;
    if (add) {
      _tile_loadd(0, c, 4 * ldc);
      if constexpr (C == 2) _tile_loadd(1, c + side, 4 * ldc);
      if constexpr (R == 2) _tile_loadd(2, below, 4 * ldc);
      if constexpr (R == 2 && C == 2) _tile_loadd(3, below + side, 4 * ldc);
    } else {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    }
    for (int64_t k = 0; k < a.depth; k += side, right += side * b.columns) {
      _tile_loadd(4, left + k, lda);
      _tile_loadd(6, right, ldb);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (C == 2) {
        _tile_loadd(7, right + side, ldb);
        _tile_dpbf16ps(1, 4, 7);
      }
      if constexpr (R == 2) {
        _tile_loadd(5, left + side * a.depth + k, lda);
        _tile_dpbf16ps(2, 5, 6);
        if constexpr (C == 2) _tile_dpbf16ps(3, 5, 7);
      }
    }
    _tile_stored(0, c, 4 * ldc);
    if constexpr (C == 2) _tile_stored(1, c + side, 4 * ldc);
    if constexpr (R == 2) _tile_stored(2, below, 4 * ldc);
    if constexpr (R == 2 && C == 2) _tile_stored(3, below + side, 4 * ldc);
  }
};
