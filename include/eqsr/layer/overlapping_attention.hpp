// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/linear.hpp>  // Linear

#include <limits>  // infinity
#include <vector>  // vector

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// Multi-head cross-attention of M x M query windows to the Mo x Mo key windows centred on them.
///   A[i][j] = (q_i / sqrt(d)) · k_j + table[index(i, j)][head],   softmax over all Mo² keys
///   y_i = sum over j of softmax_j(A[i][j]) v_j        heads concatenated
/// A key outside the image is zero (k = v = 0, *after* the projection, so without its bias), but
/// still takes part in the softmax. *Quirk*: the table's index
///   ((yj - yi + M-Mo+1)(M+Mo-1) + (xj - xi + M-Mo+1)) modulo (M+Mo-1)²
/// counts negative values from the end of the table.
/// Shapes    qkv (h, w, c = [3][heads][d])   table (r = (M+Mo-1)², n = heads)   y (h, w, c);
///           h and w are multiples of M
/// Rounding  float32; the sums of one output element have one order
/// Cost      4 Mo² h w C operations, Mo² h w heads exponentials; compute bound
/// Source    `overlap_attn` of the checkpoints; paper section 3.3
struct OverlappingAttention {
  template <int C3, class L, int C>
  static Cost cost(Plane<const float, C3>, const L&, Plane<float, C> y) {
    return of(double(y.size()), L::key_window);
  }
  /// For `numbers` of y, and keys in windows of `side`.
  static Cost of(double numbers, int side) {
    return {.flops = 4.0 * side * side * numbers, .bytes = 16 * numbers};
  }
};
}  // namespace op

/// The row of the bias table for offsets `dy`, `dx` from the query to the key, both counted in
/// their own windows.
EQSR_HD constexpr int overlapping_bias_index(int dy, int dx, int window, int key_window) {
  const int side = window + key_window - 1, size = side * side;
  const int index = (dy + window - key_window + 1) * side + dx + window - key_window + 1;
  return (index % size + size) % size;
}

template <>
struct Kernel<op::OverlappingAttention, Reference> {
  template <int C3, class L, int C>
  static void run(auto&, Plane<const float, C3> qkv, const L& layer, Plane<float, C> y) {
    constexpr int M = L::window, Mo = L::key_window, d = C / L::heads;
    const Index height = extent<'h'>(qkv), width = extent<'w'>(qkv);
    std::vector<double> weights(static_cast<std::size_t>(Mo * Mo));
    for (Index window_y = 0; window_y < height; window_y += M)
      for (Index window_x = 0; window_x < width; window_x += M)
        for (int head = 0; head < L::heads; ++head)
          for (int i = 0; i < M * M; ++i) {
            const Index yi = window_y + i / M, xi = window_x + i % M;
            const auto key = [&](int j, int part, int k) -> double {
              const Index yj = window_y + j / Mo - (Mo - M) / 2;
              const Index xj = window_x + j % Mo - (Mo - M) / 2;
              const bool outside = yj < 0 || yj >= height || xj < 0 || xj >= width;
              return outside ? 0.0 : double(qkv(yj, xj, part * C + head * d + k));
            };
            double largest = -std::numeric_limits<double>::infinity(), sum = 0;
            for (int j = 0; j < Mo * Mo; ++j) {
              double score = 0;
              for (int k = 0; k < d; ++k) score += qkv(yi, xi, head * d + k) * key(j, 1, k);
              score = score / std::sqrt(double(d)) +
                      layer.relative_position_bias_table(
                          layer.bias_row(j / Mo - i / M, j % Mo - i % M), head);
              largest = (std::max)(largest, score);
              weights[static_cast<std::size_t>(j)] = score;
            }
            for (double& weight : weights) sum += weight = std::exp(weight - largest);
            for (int k = 0; k < d; ++k) {
              double value = 0;
              for (int j = 0; j < Mo * Mo; ++j)
                value += weights[static_cast<std::size_t>(j)] * key(j, 2, k);
              y(yi, xi, head * d + k) = static_cast<float>(value / sum);
            }
          }
  }
};

/// Overlapping cross-attention with its projections: y = residual + proj(attention(qkv(x))).
template <int C, int Heads, int Window, int KeyWindow, class B>
struct OverlappingAttention {
  static_assert(
      C % Heads == 0,
      "eqsr: OverlappingAttention: channels must be a multiple of heads. Change one of them.");
  static_assert((KeyWindow - Window) % 2 == 0 && KeyWindow >= Window && KeyWindow <= 3 * Window,
                "eqsr: OverlappingAttention: the key window must exceed the window by an even "
                "number, at most by two windows. Change overlap_ratio.");
  using backend = B;
  using input = On<B, Plane<const float, C>>;
  using output = On<B, Plane<float, C>>;
  static constexpr int channels = C, heads = Heads, window = Window, key_window = KeyWindow;

  Linear<C, 3 * C, B> qkv;
  Linear<C, C, B> proj;
  Tensor<B, float, Axis<'r', (Window + KeyWindow - 1) * (Window + KeyWindow - 1)>, Axis<'n', Heads>>
      relative_position_bias_table;
  Prepared prepared;

  static void visit(auto& self, auto&& v) {
    v("relative_position_bias_table", self.relative_position_bias_table);
    v("qkv", self.qkv);
    v("proj", self.proj);
  }
  /// The row of the bias table for offsets from a query to a key, each counted in its window.
  static constexpr int bias_row(int dy, int dx) {
    return overlapping_bias_index(dy, dx, Window, KeyWindow);
  }
  /// Throws `shape_mismatch` unless the plane divides into windows.
  void expect_windows(input x) const {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    EQSR_EXPECTS(h % Window == 0 && w % Window == 0, "shape_mismatch",
                 "OverlappingAttention: a plane of ", h, " x ", w,
                 " does not divide into windows of ", Window,
                 ". Pad it by reflection to multiples of the window.");
  }
  /// The residual may be y.
  void forward(AnyContext auto& ctx, input x, output y, const Epilogue<C>& epilogue = {}) const {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    expect_windows(x);
    Scope scope(ctx);
    const auto projected = scope.template plane<3 * C>(h, w);
    const auto attended = scope.template plane<C>(h, w);
    qkv.forward(ctx, rows(x), rows(projected));
    launch<op::OverlappingAttention>(ctx, projected.read(), *this, attended);
    proj.forward(ctx, rows(attended.read()), rows(y), epilogue);
  }
};

}}  // namespace eqsr::EQSR_ABI
