// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/linear.hpp>  // Linear

#include <limits>  // infinity
#include <vector>  // vector

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// Multi-head self-attention inside M x M windows, plain or shifted, of projected tokens.
///   A[i][j] = (q_i / sqrt(d)) · k_j + table[(yi - yj + M-1)(2M-1) + (xi - xj + M-1)][head]
///             - 100 where a shifted window joins pixels i, j of different regions
///   y_i = sum over j of softmax_j(A[i][j]) v_j        heads concatenated
/// Windows are cut from the plane rolled by (-shift, -shift), and the result is rolled back. The
/// regions are those of the rolled plane cut at rows and columns -M and -shift from its end.
/// Shapes    qkv (h, w, c = [3][heads][d])   table (r = (2M-1)², n = heads)   y (h, w, c);
///           h and w are multiples of M
/// Rounding  float32; the sums of one output element have one order
/// Cost      4 M² h w C operations, M² h w heads exponentials; compute bound
/// Source    `attn` of the checkpoints; paper section 3.3
struct WindowAttention {
  template <int C3, class L, int C>
  static Cost cost(Plane<const float, C3>, const L&, int, Plane<float, C> y) {
    return of(double(y.size()), L::window);
  }
  /// For `numbers` of y, and keys in windows of `side`.
  static Cost of(double numbers, int side) {
    return {.flops = 4.0 * side * side * numbers, .bytes = 16 * numbers};
  }
};
}  // namespace op

/// The region of a row or column of the rolled plane: 0 up to -window, 1 up to -shift, 2 after.
EQSR_HD constexpr int shift_region(Index position, Index extent, int window, int shift) {
  return position < extent - window ? 0 : position < extent - shift ? 1 : 2;
}

/// The row of the bias table for offsets `dy`, `dx` from the query to the key.
EQSR_HD constexpr int window_bias_index(int dy, int dx, int window) {
  return (window - 1 - dy) * (2 * window - 1) + window - 1 - dx;
}

/// What the softmax's argument gains where a shifted window joins different regions.
inline constexpr float shift_mask = -100.0f;

template <>
struct Kernel<op::WindowAttention, Reference> {
  template <int C3, class L, int C>
  static void run(auto&, Plane<const float, C3> qkv, const L& layer, int shift, Plane<float, C> y) {
    constexpr int M = L::window, d = C / L::heads;
    const Index height = extent<'h'>(qkv), width = extent<'w'>(qkv);
    std::vector<double> weights(static_cast<std::size_t>(M * M));
    for (Index window_y = 0; window_y < height; window_y += M)
      for (Index window_x = 0; window_x < width; window_x += M)
        for (int head = 0; head < L::heads; ++head)
          for (int i = 0; i < M * M; ++i) {
            const Index ry = window_y + i / M, rx = window_x + i % M;  // in the rolled plane
            const Index yi = (ry + shift) % height, xi = (rx + shift) % width;
            double largest = -std::numeric_limits<double>::infinity(), sum = 0;
            for (int j = 0; j < M * M; ++j) {
              const Index sy = window_y + j / M, sx = window_x + j % M;
              const Index yj = (sy + shift) % height, xj = (sx + shift) % width;
              double score = 0;
              for (int k = 0; k < d; ++k)
                score += double(qkv(yi, xi, head * d + k)) * qkv(yj, xj, C + head * d + k);
              score = score / std::sqrt(double(d)) +
                      layer.relative_position_bias_table(
                          layer.bias_row(j / M - i / M, j % M - i % M), head);
              const auto region = [&](Index row, Index column) {
                return shift_region(row, height, M, shift) * 3 +
                       shift_region(column, width, M, shift);
              };
              if (shift > 0 && region(ry, rx) != region(sy, sx)) score += double(shift_mask);
              largest = (std::max)(largest, score);
              weights[static_cast<std::size_t>(j)] = score;
            }
            for (double& weight : weights) sum += weight = std::exp(weight - largest);
            for (int k = 0; k < d; ++k) {
              double value = 0;
              for (int j = 0; j < M * M; ++j)
                value += weights[static_cast<std::size_t>(j)] *
                         qkv((window_y + j / M + shift) % height,
                             (window_x + j % M + shift) % width, 2 * C + head * d + k);
              y(yi, xi, head * d + k) = static_cast<float>(value / sum);
            }
          }
  }
};

/// Window attention with its projections: y = residual + proj(attention(qkv(x))).
template <int C, int Heads, int Window, class B>
struct WindowAttention {
  static_assert(C % Heads == 0,
                "eqsr: WindowAttention: channels must be a multiple of heads. Change one of them.");
  using backend = B;
  using input = On<B, Plane<const float, C>>;
  using output = On<B, Plane<float, C>>;
  static constexpr int channels = C, heads = Heads, window = Window, key_window = Window;

  Linear<C, 3 * C, B> qkv;
  Linear<C, C, B> proj;
  Tensor<B, float, Axis<'r', (2 * Window - 1) * (2 * Window - 1)>, Axis<'n', Heads>>
      relative_position_bias_table;
  Prepared prepared;

  static void visit(auto& self, auto&& v) {
    v("relative_position_bias_table", self.relative_position_bias_table);
    v("qkv", self.qkv);
    v("proj", self.proj);
  }
  /// The row of the bias table for offsets from a query to a key, each counted in its window.
  static constexpr int bias_row(int dy, int dx) { return window_bias_index(dy, dx, Window); }
  /// Throws `shape_mismatch` unless the plane divides into windows.
  void expect_windows(input x) const {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    EQSR_EXPECTS(h % Window == 0 && w % Window == 0, "shape_mismatch",
                 "WindowAttention: a plane of ", h, " x ", w, " does not divide into windows of ",
                 Window, ". Pad it by reflection to multiples of the window.");
  }
  /// `shift` is 0 or half a window; the residual may be y.
  void forward(AnyContext auto& ctx, input x, int shift, output y,
               const Epilogue<C>& epilogue = {}) const {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    expect_windows(x);
    Scope scope(ctx);
    const auto projected = scope.template plane<3 * C>(h, w);
    const auto attended = scope.template plane<C>(h, w);
    qkv.forward(ctx, rows(x), rows(projected));
    launch<op::WindowAttention>(ctx, projected.read(), *this, shift, attended);
    proj.forward(ctx, rows(attended.read()), rows(y), epilogue);
  }
};

}}  // namespace eqsr::EQSR_ABI
