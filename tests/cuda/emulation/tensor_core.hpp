// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bit>      // bit_cast
#include <cstdint>  // int32_t

namespace eqsr_test {

/// How tensor cores add: the products of one internal step and the sum so far are aligned to the
/// largest exponent, cut off below a few extra bits, and added exactly; the sum is cut off to
/// float32. Nothing is rounded to nearest. After Fasi et al., Numerical behavior of NVIDIA tensor
/// cores, 2021, and Khattak and Mikaitis, Accurate models of NVIDIA tensor cores, 2025.
struct TensorCore {
  int products;    ///< of one internal step
  int extra_bits;  ///< that are kept below the last of a float32

  bool operator==(const TensorCore&) const = default;
};
inline constexpr TensorCore ampere{8, 1}, hopper{16, 2};
/// The model that kernels run on; tests may choose another.
inline TensorCore tensor_core = hopper;

/// Sixteen rows of eight sums, and what mma.m16n8k16 adds to them.
struct MatrixSum {
  using Floats [[gnu::vector_size(32)]] = float;  // the eight columns
  using Ints [[gnu::vector_size(32)]] = std::int32_t;

  float left[16][16];  ///< rows, steps: bfloat16 numbers
  Floats right[16];    ///< steps
  Floats sum[16];      ///< rows

  void add_products(const TensorCore& core) {
    Ints right_exponent[16];
    for (int k = 0; k < 16; ++k) right_exponent[k] = exponent(right[k]);
    for (int row = 0; row < 16; ++row)
      for (int k = 0; k < 16; k += core.products)
        sum[row] = step(sum[row], left[row] + k, right + k, right_exponent + k, core);
  }

 private:
  static Ints exponent(Floats x) {
    const Ints bits = std::bit_cast<Ints>(x) >> 23 & 0xff;
    return bits == 0 ? Ints{} - 1000 : bits - 127;  // zero has none
  }
  static Floats power(Ints exponent) { return std::bit_cast<Floats>((exponent + 127) << 23); }
  static Ints larger(Ints a, Ints b) { return a > b ? a : b; }

  /// Numbers beyond 2^100, infinities and NaN.
  static Floats unaligned(Floats sum, const float* row, const Floats* columns,
                          const TensorCore& core) {
    for (int k = 0; k < core.products; ++k) sum += row[k] * columns[k];
    return sum;
  }
  static Floats step(Floats before, const float* row, const Floats* columns, const Ints* exponents,
                     const TensorCore& core) {
    Ints largest = larger(exponent(before), Ints{} - 100);
    for (int k = 0; k < core.products; ++k)
      largest = larger(largest, exponent(Floats{} + row[k])[0] + exponents[k]);
    for (int j = 0; j < 8; ++j)
      if (largest[j] > 100) return unaligned(before, row, columns, core);
    const int bits = 23 + core.extra_bits;
    const Floats scale = power(bits - largest);
    Ints half[2] = {__builtin_convertvector(before * scale, Ints), Ints{}};
    for (int k = 0; k < core.products; ++k)
      half[k / 8] += __builtin_convertvector(row[k] * columns[k] * scale, Ints);
    Floats after;
    for (int j = 0; j < 8; ++j) {
      const double total = double(half[0][j]) + double(half[1][j]);
      const auto cut = std::bit_cast<std::uint64_t>(total) >> 29 << 29;
      after[j] = static_cast<float>(std::bit_cast<double>(cut));
    }
    return after * power(largest - bits);
  }
};

}  // namespace eqsr_test
