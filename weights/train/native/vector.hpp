// SPDX-License-Identifier: Apache-2.0
// Eight floats at a time, and products of matrices so small that a library's call costs more.
#pragma once
#include <cstdint>
#include <cstring>

typedef float v8 __attribute__((vector_size(32)));
typedef int32_t i8 __attribute__((vector_size(32)));

inline v8 load(const float* p) {
    v8 v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline void store(float* p, v8 v) { std::memcpy(p, &v, sizeof v); }
inline v8 all(float x) { return v8{} + x; }
inline v8 larger(v8 a, v8 b) { return a > b ? a : b; }
template <class Fold>
inline float fold(v8 v, Fold use) {
    v = use(v, __builtin_shuffle(v, i8{4, 5, 6, 7, 0, 1, 2, 3}));
    v = use(v, __builtin_shuffle(v, i8{2, 3, 0, 1, 6, 7, 4, 5}));
    return use(v, __builtin_shuffle(v, i8{1, 0, 3, 2, 5, 4, 7, 6}))[0];
}
inline float sum(v8 v) { return fold(v, [](v8 a, v8 b) { return a + b; }); }
inline float largest(v8 v) { return fold(v, larger); }

// exp(x) of x <= 0 with a relative error of 1e-7; below -87 it stays at exp(-87).
inline v8 exp_nonpositive(v8 x) {
    x = larger(x, all(-87.f));
    const i8 n = __builtin_convertvector(x * 1.44269504f - 0.5f, i8);
    const v8 whole = __builtin_convertvector(n, v8);
    const v8 r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    v8 p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    const i8 power = (n + 127) << 23;
    v8 two;
    std::memcpy(&two, &power, sizeof two);
    return (p * r * r + r + 1.f) * two;
}

// A matrix inside an array: element (row, column) is p[row * down + column * right].
struct View {
    const float* p;
    int64_t down, right;
};

template <int R, int V>
inline void product_tile(View a, const float* b, int64_t ldb, int64_t depth, float* c, int64_t ldc, bool add) {
    v8 sums[R][V] = {};
    for (int64_t k = 0; k < depth; ++k)
        for (int v = 0; v < V; ++v) {
            const v8 right = load(b + k * ldb + 8 * v);
            for (int r = 0; r < R; ++r) sums[r][v] += a.p[r * a.down + k * a.right] * right;
        }
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) {
            float* to = c + r * ldc + 8 * v;
            store(to, add ? load(to) + sums[r][v] : sums[r][v]);
        }
}

template <int R>
inline void product_rows(View a, const float* b, int64_t ldb, int64_t columns, int64_t depth, float* c, int64_t ldc, bool add) {
    int64_t n = 0;
    for (; n + 16 <= columns; n += 16) product_tile<R, 2>(a, b + n, ldb, depth, c + n, ldc, add);
    for (; n < columns; n += 8) product_tile<R, 1>(a, b + n, ldb, depth, c + n, ldc, add);
}

// c[rows][columns] = or += a[rows][depth] b[depth][columns]; columns is a multiple of 8.
inline void product(View a, const float* b, int64_t ldb, int64_t rows, int64_t columns, int64_t depth, float* c, int64_t ldc,
                    bool add = false) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4)
        product_rows<4>({a.p + r * a.down, a.down, a.right}, b, ldb, columns, depth, c + r * ldc, ldc, add);
    for (; r < rows; ++r)
        product_rows<1>({a.p + r * a.down, a.down, a.right}, b, ldb, columns, depth, c + r * ldc, ldc, add);
}
