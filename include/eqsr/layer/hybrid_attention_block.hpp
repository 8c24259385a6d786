// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/layer_norm.hpp>        // LayerNorm
#include <eqsr/layer/mlp.hpp>               // Mlp
#include <eqsr/layer/window_attention.hpp>  // WindowAttention

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// A transformer block on windows, in place.
///   x += attention(norm1(x)), then x += mlp(norm2(x))
/// Shapes    x (h, w, c); h and w are multiples of the window
/// Rounding  as its parts; a token's result depends on its own window only
/// Cost      2 h w (4 c² + 2 c hidden + 2 M² c) operations; compute bound
/// Source    `blocks.k` of the checkpoints; paper section 3.3
struct HybridAttentionBlock : Composite {
  static void compose(AnyContext auto& ctx, const auto& layer, const auto& x) {
    layer.compose(ctx, x);
  }
  template <class L>
  static Cost cost(const L&, const auto& x) {
    const double numbers = double(x.size());
    return attention_block_cost<L>(numbers / L::channels, WindowAttention::of(numbers, L::window));
  }
};
}  // namespace op

/// Hybrid attention block. See op::HybridAttentionBlock. A backend may fuse it; the composition is
/// the specification.
template <int C, int Heads, int Window, int Hidden, class B>
struct HybridAttentionBlock {
  using backend = B;
  static constexpr int channels = C, heads = Heads, window = Window, hidden = Hidden;

  LayerNorm<C, B> norm1;
  WindowAttention<C, Heads, Window, B> attention;
  LayerNorm<C, B> norm2;
  Mlp<C, Hidden, B> mlp;
  Prepared prepared;
  int shift = 0;  ///< 0, or half a window in every second block

  static void visit(auto& self, auto&& v) {
    v("norm1", self.norm1);
    v("attn", self.attention);
    v("norm2", self.norm2);
    v("mlp", self.mlp);
  }
  void forward(AnyContext auto& ctx, On<B, Plane<float, C>> x) const {
    attention.expect_windows(x);
    launch<op::HybridAttentionBlock>(ctx, *this, x);
  }
  /// The same from whole planes.
  void compose(AnyContext auto& ctx, On<B, Plane<float, C>> x) const {
    Scope scope(ctx);
    const auto n = scope.template plane<C>(extent<'h'>(x), extent<'w'>(x));
    norm1.forward(ctx, rows(x), rows(n));
    attention.forward(ctx, n, shift, x, {.residual = rows(x)});
    norm2.forward(ctx, rows(x), rows(n));
    mlp.forward(ctx, rows(n), rows(x), {.residual = rows(x)});
  }
};

}}  // namespace eqsr::EQSR_ABI
