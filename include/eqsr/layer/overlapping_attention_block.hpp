// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/layer_norm.hpp>             // LayerNorm
#include <eqsr/layer/mlp.hpp>                    // Mlp
#include <eqsr/layer/overlapping_attention.hpp>  // OverlappingAttention

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// A transformer block whose windows look at larger, overlapping ones, in place.
///   x += attention(norm1(x)), then x += mlp(norm2(x))
/// Shapes    x (h, w, c); h and w are multiples of the window
/// Rounding  as its parts
/// Cost      2 h w (4 c² + 2 c hidden + 2 Mo² c) operations; compute bound
/// Source    `overlap_attn` of the checkpoints; paper section 3.3
struct OverlappingAttentionBlock : Composite {
  static void compose(AnyContext auto& ctx, const auto& layer, const auto& x) {
    layer.compose(ctx, x);
  }
  template <class L>
  static Cost cost(const L&, const auto& x) {
    const double numbers = double(x.size());
    return attention_block_cost<L>(numbers / L::channels,
                                   OverlappingAttention::of(numbers, L::key_window));
  }
};
}  // namespace op

/// Overlapping cross-attention block. See op::OverlappingAttentionBlock. A backend may fuse it; the
/// composition is the specification.
template <int C, int Heads, int Window, int KeyWindow, int Hidden, class B>
struct OverlappingAttentionBlock {
  using backend = B;
  static constexpr int channels = C, heads = Heads, window = Window, key_window = KeyWindow,
                       hidden = Hidden;

  LayerNorm<C, B> norm1;
  OverlappingAttention<C, Heads, Window, KeyWindow, B> attention;
  LayerNorm<C, B> norm2;
  Mlp<C, Hidden, B> mlp;
  Prepared prepared;

  static void visit(auto& self, auto&& v) {
    v("norm1", self.norm1);
    v("", self.attention);  // its parameters have no level of their own in the checkpoints
    v("norm2", self.norm2);
    v("mlp", self.mlp);
  }
  void forward(AnyContext auto& ctx, On<B, Plane<float, C>> x) const {
    attention.expect_windows(x);
    launch<op::OverlappingAttentionBlock>(ctx, *this, x);
  }
  /// The same from whole planes.
  void compose(AnyContext auto& ctx, On<B, Plane<float, C>> x) const {
    Scope scope(ctx);
    const auto n = scope.template plane<C>(extent<'h'>(x), extent<'w'>(x));
    norm1.forward(ctx, rows(x), rows(n));
    attention.forward(ctx, n, x, {.residual = rows(x)});
    norm2.forward(ctx, rows(x), rows(n));
    mlp.forward(ctx, rows(n), rows(x), {.residual = rows(x)});
  }
};

}}  // namespace eqsr::EQSR_ABI
