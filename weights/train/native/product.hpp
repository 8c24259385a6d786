// SPDX-License-Identifier: Apache-2.0
// Products of two precisions, with sums in float32: c [rows,columns] = or += left [rows,depth]
// right [depth,columns]. Operands are packed first, which takes nothing for float32. `columns` is a
// multiple of `lanes`.
#pragma once
#include <vector>

#include "vector.hpp"

struct Float32 {
  static constexpr int64_t tile = 48;  // of pixels that a linear layer takes together

  static bool available() { return true; }

  class Left {
   public:
    Left(int64_t, int64_t) {}

    // `from` is [rows,depth], or with `turn` its transpose is; the rows in memory lie `ld` apart.
    void pack(const float* from, int64_t rows, int64_t depth, int64_t ld) {
      p = from, this->rows = rows, this->depth = depth, this->ld = ld, turned = false;
    }
    void turn(const float* from, int64_t rows, int64_t depth, int64_t ld) {
      pack(from, rows, depth, ld), turned = true;
    }

    const float* p;
    int64_t rows, depth, ld;
    bool turned;
  };

  class Right {
   public:
    Right(int64_t, int64_t) {}

    void pack(const float* from, int64_t, int64_t columns, int64_t ld) {
      p = from, this->columns = columns, this->ld = ld;
    }

    const float* p;
    int64_t columns, ld;
  };

  void product(const Left& a, const Right& b, float* c, int64_t ldc, bool add = false) const {
    if (a.turned)
      ::product(Columns{a.p, a.ld}, b.p, b.ld, a.rows, b.columns, a.depth, c, ldc, add);
    else
      ::product(Rows{a.p, a.ld}, b.p, b.ld, a.rows, b.columns, a.depth, c, ldc, add);
  }
};

#if defined(__AMX_BF16__) && defined(__AVX512BF16__)
#include "bfloat16.hpp"
#else
using Bfloat16 = Float32;  // processors on which it would be no faster
#endif

// Whether products that may be of bfloat16 are.
inline bool rounds(int64_t bfloat16) { return bfloat16 && Bfloat16::available(); }
