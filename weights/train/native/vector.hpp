// SPDX-License-Identifier: Apache-2.0
// As many floats at a time as the processor's vectors hold, and products of matrices so small that
// a library's call costs more.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __AVX512F__
constexpr int lanes = 16, accumulators = 24, widest = 4;  // of 32 registers
#else
constexpr int lanes = 8, accumulators = 12, widest = 3;  // of 16 registers
#endif

typedef float vec __attribute__((vector_size(4 * lanes)));
typedef int32_t ivec __attribute__((vector_size(4 * lanes)));

inline vec load(const float* p) {
  vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, vec v) { std::memcpy(p, &v, sizeof v); }
inline vec all(float x) { return vec{} + x; }
inline vec larger(vec a, vec b) { return a > b ? a : b; }
template <int Distance = lanes / 2, class Fold>
inline float fold(vec v, Fold use) {
  ivec from;
  for (int i = 0; i < lanes; ++i) from[i] = (i + Distance) % lanes;
  v = use(v, __builtin_shuffle(v, from));
  if constexpr (Distance > 1) return fold<Distance / 2>(v, use);
  return v[0];
}
inline float sum(vec v) {
  return fold(v, [](vec a, vec b) { return a + b; });
}
inline float largest(vec v) { return fold(v, larger); }

inline int64_t padded(int64_t n) { return (n + lanes - 1) / lanes * lanes; }

// exp(x) of x <= 0 with a relative error of 1e-7; below -87 it stays at exp(-87).
inline vec exp_nonpositive(vec x) {
  x = larger(x, all(-87.f));
  const ivec n = __builtin_convertvector(x * 1.44269504f - 0.5f, ivec);
  const vec whole = __builtin_convertvector(n, vec);
  const vec r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const ivec power = (n + 127) << 23;
  vec two;
  std::memcpy(&two, &power, sizeof two);
  return (p * r * r + r + 1.f) * two;
}

// The normal distribution's function at x, and its density times sqrt(2 pi), by Abramowitz and
// Stegun's 7.1.26: the absolute error is 1e-7. GELU is x normal(x), its slope normal(x) + x
// density(x).
inline vec normal(vec x, vec& bell) {
  const vec size = larger(x, -x);
  bell = exp_nonpositive(x * x * -0.5f);
  const vec t = 1.f / (size * 0.23164189f + 1.f);  // 0.3275911 / sqrt(2)
  vec p = t * 0.5307027145f - 0.7265760135f;       // half of the coefficients
  p = p * t + 0.7107068705f;
  p = p * t - 0.142248368f;
  p = p * t + 0.127414796f;
  const vec tail = p * t * bell;
  return x > 0.f ? 1.f - tail : tail;
}

// One step of a transposition: blocks of Step x Step beside the diagonal change places.
template <int Step>
inline void exchange(vec* row) {
  ivec upper, lower;
  for (int j = 0; j < lanes; ++j) {
    upper[j] = j & Step ? lanes + j - Step : j;
    lower[j] = j & Step ? lanes + j : j + Step;
  }
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i)
    if (!(i & Step)) {
      const vec a = row[i], b = row[i + Step];
      row[i] = __builtin_shuffle(a, b, upper);
      row[i + Step] = __builtin_shuffle(a, b, lower);
    }
  if constexpr (2 * Step < lanes) exchange<2 * Step>(row);
}

// to [columns,rows] is the transpose of from [rows,columns]; both are multiples of `lanes`.
inline void transpose(const float* from, int64_t rows, int64_t columns, int64_t ld, float* to,
                      int64_t to_ld) {
  for (int64_t r = 0; r < rows; r += lanes)
    for (int64_t c = 0; c < columns; c += lanes) {
      vec row[lanes];
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) row[i] = load(from + (r + i) * ld + c);
      exchange<1>(row);
#pragma GCC unroll 16
      for (int i = 0; i < lanes; ++i) store(to + (c + i) * to_ld + r, row[i]);
    }
}

// A matrix inside an array, by its rows or, transposed, by its columns, which lie `ld` apart.
struct Rows {
  const float* p;
  int64_t ld;
  const float& operator()(int64_t row, int64_t column) const { return p[row * ld + column]; }
  Rows from(int64_t row) const { return {p + row * ld, ld}; }
};
struct Columns {
  const float* p;
  int64_t ld;
  const float& operator()(int64_t row, int64_t column) const { return p[column * ld + row]; }
  Columns from(int64_t row) const { return {p + row, ld}; }
};

template <int R, int V, class Left>
inline void product_tile(Left a, const float* b, int64_t ldb, int64_t depth, float* c, int64_t ldc,
                         bool add) {
  vec sums[R][V];  // whole loops unrolled, or it would be kept in memory
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[r][v] = add ? load(c + r * ldc + lanes * v) : vec{};
  for (int64_t k = 0; k < depth; ++k) {
    vec right[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) right[v] = load(b + k * ldb + lanes * v);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums[r][v] += a(r, k) * right[v];
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store(c + r * ldc + lanes * v, sums[r][v]);
}

template <int V, class Left>
inline void product_panel(Left a, const float* b, int64_t ldb, int64_t rows, int64_t depth,
                          float* c, int64_t ldc, bool add) {
  constexpr int R = std::min(8, accumulators / V);
  int64_t r = 0;
  for (; r + R <= rows; r += R) product_tile<R, V>(a.from(r), b, ldb, depth, c + r * ldc, ldc, add);
  for (; r + 2 <= rows; r += 2) product_tile<2, V>(a.from(r), b, ldb, depth, c + r * ldc, ldc, add);
  for (; r < rows; ++r) product_tile<1, V>(a.from(r), b, ldb, depth, c + r * ldc, ldc, add);
}

// Calls use(width, n) for the panels of `width` vectors, a constant, from column n on.
template <class Use>
inline void in_panels(int64_t columns, Use use) {
  for (int64_t n = 0; n < columns;) {
    const int64_t left = (columns - n) / lanes, width = left % widest == 0 ? widest
                                                        : left % 3 == 0    ? 3
                                                        : left > 1         ? 2
                                                                           : 1;
    if (width == widest)
      use(std::integral_constant<int, widest>(), n);
    else if (width == 3)
      use(std::integral_constant<int, 3>(), n);
    else if (width == 2)
      use(std::integral_constant<int, 2>(), n);
    else
      use(std::integral_constant<int, 1>(), n);
    n += width * lanes;
  }
}

// c[rows][columns] = or += a[rows][depth] b[depth][columns]; columns is a multiple of `lanes`.
template <class Left>
inline void product(Left a, const float* b, int64_t ldb, int64_t rows, int64_t columns,
                    int64_t depth, float* c, int64_t ldc, bool add = false) {
  in_panels(columns, [&](auto width, int64_t n) {
    product_panel<width>(a, b + n, ldb, rows, depth, c + n, ldc, add);
  });
}
