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
/// region whose functions carry that target, into a namespace of its own. `loops_of(isa)` is the
/// table of the loops of a set.
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

/// The hot loops of an instruction set; what each computes stands at its definition in `simd/`.
/// Pointers, so that kernels are compiled once instead of once a set: no loop with a target of its
/// own could be compiled into a kernel anyway.
struct Loops {
  // multiply.inc
  void (*multiply)(const Operand& a, const PackedMatrix& b, const Output& y);
  void (*product)(const float* a, Index rows, const PackedMatrix& b, float* c);
  void (*accumulate)(const float* a, Index rows, Index row_stride, const Panels& b, int depth,
                     int columns, bool fresh, float* c, Index c_stride, const Output* y);
  void (*finish)(const Sums& sums, const Output& y);
  // winograd.inc
  void (*transform_input)(const float* patch, Index pitch, int channels, float* v, Index stride);
  void (*transform_output)(const float* m, Index stride, int columns, float* sums);
  // attention.inc
  float (*softmax)(float* scores, int count);
  void (*copy_rows)(const float* from, Index stride, int rows, int columns, float* to);
  void (*mask)(const int* regions, int region, int count, float addend, float* scores);
  void (*scale)(const float* x, float factor, int count, float* y);
  // involution.inc
  void (*involution)(const float* first, Index pitch, const float* kernels, const float* factors,
                     int channels, float* y);
  void (*involution_of)(const float* const* neighbours, const float* kernels, const float* factors,
                        int channels, float* y);
  // rows.inc
  void (*layer_norm)(const float* x, Index rows, int channels, const float* weight,
                     const float* bias, float epsilon, Activation activation, float* y);
  void (*activate_row)(const float* x, const float* addend, Index count, Activation activation,
                       float* y);
  void (*scale_row)(const float* x, const float* gate, const float* residual, int channels,
                    float* y);
  void (*gate_row)(const float* z, const float* gate, const float* x, const float* addend,
                   int channels, float* y);
  void (*relu_of_three)(const float* a, const float* b, const float* c, int channels, float* y);
  void (*sum_pixels)(const float* x, Index pixels, int channels, double* sums);
};

/// The table of a set `S` of static functions.
template <class S>
inline constexpr Loops table_of{.multiply = &S::multiply,
                                .product = &S::product,
                                .accumulate = &S::accumulate,
                                .finish = &S::finish,
                                .transform_input = &S::transform_input,
                                .transform_output = &S::transform_output,
                                .softmax = &S::softmax,
                                .copy_rows = &S::copy_rows,
                                .mask = &S::mask,
                                .scale = &S::scale,
                                .involution = &S::involution,
                                .involution_of = &S::involution_of,
                                .layer_norm = &S::layer_norm,
                                .activate_row = &S::activate_row,
                                .scale_row = &S::scale_row,
                                .gate_row = &S::gate_row,
                                .relu_of_three = &S::relu_of_three,
                                .sum_pixels = &S::sum_pixels};

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

/// The hot loops of an instruction set that this program has.
template <class Seen = Observer<Cpu>>
const Loops& loops_of([[maybe_unused]] Isa isa) {
#if !defined(__x86_64__)
  return table_of<typename Seen::template Loops<simd::portable::Simd>>;
#else
#if EQSR_TARGET == 0
  if (isa == Isa::portable) return table_of<typename Seen::template Loops<simd::portable::Simd>>;
#endif
#if EQSR_TARGET <= 1
  if (isa == Isa::avx2) return table_of<typename Seen::template Loops<simd::avx2::Simd>>;
#endif
  return table_of<typename Seen::template Loops<simd::avx512::Simd>>;
#endif
}

}}  // namespace eqsr::EQSR_ABI
