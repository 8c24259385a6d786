// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/compiler.hpp>

#include <eqsr/core/math.hpp>          // round_up
#include <eqsr/core/target.hpp>        // EQSR_TARGET
#include <eqsr/core/view.hpp>          // Index
#include <eqsr/cpu/core/isa.hpp>       // Isa
#include <eqsr/cpu/core/observer.hpp>  // Observer
#include <eqsr/layer/activation.hpp>   // Activation

#include <algorithm>    // max, min
#include <cmath>        // sqrt
#include <cstdint>      // int32_t
#include <cstring>      // memcpy
#include <type_traits>  // integral_constant
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

/// The hot loops, compiled once for each instruction set.
///
/// The files in `simd/` have no include guard: each is included once per instruction set, inside a
/// region whose functions carry that target, into a namespace of its own. `with_isa(isa, f)` calls
/// `f(Simd)` with the struct of static functions for that set.
namespace eqsr { inline namespace EQSR_ABI {

/// The right side of a product, 16 columns side by side: element (k, n) lies
/// `k row + n / 16 panel + n % 16` floats on.
struct Panels {
  static constexpr int width = 16;
  const float* data;
  Index row, panel;

  [[nodiscard]] const float* at(int k, int n) const {
    return data + k * row + n / width * panel + n % width;
  }
};

/// A matrix packed for the tile kernel: panels of 16 columns, each [k][16], padded with zeros.
struct PackedMatrix {
  static constexpr int columns_at_once = 64;  ///< that a product goes through with each few rows
  const float* data = nullptr;
  int depth = 0;    ///< k: length of the sums
  int columns = 0;  ///< valid columns

  [[nodiscard]] int padded_columns() const { return round_up(columns, Panels::width); }
  /// From column `left` on, a multiple of 16.
  [[nodiscard]] Panels panels(int left) const {
    return {data + Index{left} * depth, Panels::width, Index{Panels::width} * depth};
  }
  /// Where element (k, n) lies.
  [[nodiscard]] Index offset(int k, int n) const { return panels(0).at(k, n) - data; }
};

/// The left side of a product: rows of as many floats as the matrix is deep.
struct Operand {
  const float* data = nullptr;
  Index rows = 0;
  Index row_stride = 0;
};

/// What becomes of the sums: y = residual + activation(column_scale * sum + bias).
struct Output {
  float* data = nullptr;
  Index row_stride = 0;
  const float* bias = nullptr;          ///< padded like the matrix, or null
  const float* column_scale = nullptr;  ///< padded like the matrix, or null
  const float* residual = nullptr;      ///< rows like the output, or null
  Index residual_stride = 0;
  Activation activation = Activation::none;

  /// From a row and a column on.
  [[nodiscard]] Output from(Index row, int column) const {
    Output part = *this;
    part.data += row * row_stride + column;
    if (bias) part.bias += column;
    if (column_scale) part.column_scale += column;
    if (residual) part.residual += row * residual_stride + column;
    return part;
  }
};

/// The sums of some rows and columns of a product.
struct Sums {
  const float* data;
  Index stride;
  Index row, rows;    ///< of the product: the first one, and how many
  int left, columns;  ///< the same of columns
};

}}  // namespace eqsr::EQSR_ABI

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#if EQSR_TARGET == 0
#define EQSR_SIMD portable
#define EQSR_SIMD_WIDTH 4
#include <eqsr/cpu/core/simd/all.inc>
#endif

#if defined(__x86_64__)
#if EQSR_TARGET <= 1
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define EQSR_SIMD avx2
#define EQSR_SIMD_WIDTH 8
#include <eqsr/cpu/core/simd/all.inc>
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#if defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,prefer-vector-width=512")
#endif
#define EQSR_SIMD avx512
#define EQSR_SIMD_WIDTH 16
#include <eqsr/cpu/core/simd/all.inc>
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace eqsr { inline namespace EQSR_ABI {

/// Calls `f` with the hot loops of an instruction set: `f(simd)`, `simd.multiply(...)`.
template <class F, class Seen = Observer<Cpu>>
void with_isa([[maybe_unused]] Isa isa, const F& f) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return f(Seen::loops(simd::avx512::Simd{}));
#if EQSR_TARGET <= 1
  if (isa == Isa::avx2) return f(Seen::loops(simd::avx2::Simd{}));
#endif
#endif
#if EQSR_TARGET == 0
  f(Seen::loops(simd::portable::Simd{}));
#endif
}

}}  // namespace eqsr::EQSR_ABI
