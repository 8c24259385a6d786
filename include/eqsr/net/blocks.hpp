// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/adaptive_feature_extractor.hpp>  // AdaptiveFeatureExtractor
#include <eqsr/layer/mlp.hpp>                         // Mlp
#include <eqsr/layer/overlapping_attention.hpp>       // OverlappingAttention
#include <eqsr/layer/window_attention.hpp>            // WindowAttention
#include <eqsr/net/config.hpp>                        // Config

#include <vector>  // vector

/// The blocks of the trunk. All work in place on a padded plane (h', w', c).
namespace eqsr::inline EQSR_ABI {

/// Hybrid attention block: x += attention(norm1(x)), then x += mlp(norm2(x)).
/// Source    `blocks.k` of the checkpoints; paper section 3.3
template <Config config, class B>
struct Hab {
  static constexpr int C = config.channels;

  LayerNorm<C, B> norm1;
  WindowAttention<C, config.heads, config.window, B> attention;
  LayerNorm<C, B> norm2;
  Mlp<C, config.mlp_hidden(), B> mlp;
  int shift = 0;  ///< 0, or half a window in every second block

  static void visit(auto& self, auto&& v) {
    v("norm1", self.norm1);
    v("attn", self.attention);
    v("norm2", self.norm2);
    v("mlp", self.mlp);
  }
  void forward(AnyContext auto& ctx, Plane<float, C> x) const {
    Scope scope(ctx);
    const auto n = scope.template plane<C>(x.template extent<'h'>(), x.template extent<'w'>());
    norm1.forward(ctx, rows(x), rows(n));
    attention.forward(ctx, n, shift, x, {.residual = rows(x)});
    norm2.forward(ctx, rows(x), rows(n));
    mlp.forward(ctx, rows(n), rows(x), {.residual = rows(x)});
  }
};

/// Overlapping cross-attention block: x += attention(norm1(x)), then x += mlp(norm2(x)).
/// Source    `overlap_attn` of the checkpoints; paper section 3.3
template <Config config, class B>
struct Ocab {
  static constexpr int C = config.channels;

  LayerNorm<C, B> norm1;
  OverlappingAttention<C, config.heads, config.window, config.key_window(), B> attention;
  LayerNorm<C, B> norm2;
  Mlp<C, config.mlp_hidden(), B> mlp;

  static void visit(auto& self, auto&& v) {
    v("norm1", self.norm1);
    v("", self.attention);  // its parameters have no level of their own in the checkpoints
    v("norm2", self.norm2);
    v("mlp", self.mlp);
  }
  void forward(AnyContext auto& ctx, Plane<float, C> x) const {
    Scope scope(ctx);
    const auto n = scope.template plane<C>(x.template extent<'h'>(), x.template extent<'w'>());
    norm1.forward(ctx, rows(x), rows(n));
    attention.forward(ctx, n, x, {.residual = rows(x)});
    norm2.forward(ctx, rows(x), rows(n));
    mlp.forward(ctx, rows(n), rows(x), {.residual = rows(x)});
  }
};

/// A residual group: y = x + conv( overlap( blocks( extractor(x, style) ) ) ).
/// Source    `layers.g` of the checkpoints; paper section 3.1
template <Config config, class B>
struct Group {
  static constexpr int C = config.channels;

  AdaptiveFeatureExtractor<C, config.encoded(), config.squeeze_hidden(), B> extractor;
  std::vector<Hab<config, B>> blocks;
  Ocab<config, B> overlap;
  Conv2d<C, C, 3, B> conv;

  /// `depth` counts the blocks and the overlapping attention.
  explicit Group(int depth) : blocks(static_cast<std::size_t>(depth - 1)) {
    for (std::size_t k = 0; k < blocks.size(); ++k)
      blocks[k].shift = k % 2 == 1 ? config.window / 2 : 0;
  }
  static void visit(auto& self, auto&& v) {
    v("residual_group.mbconv", self.extractor);
    v("residual_group.blocks", self.blocks);
    v("residual_group.overlap_attn", self.overlap);
    v("conv", self.conv);
  }
  /// y must not be x.
  void forward(AnyContext auto& ctx, Plane<const float, C> x,
               Channels<const float, config.encoded()> style, Plane<float, C> y) const {
    Scope scope(ctx);
    const auto t = scope.template plane<C>(x.template extent<'h'>(), x.template extent<'w'>());
    extractor.forward(ctx, x, style, t);
    for (const auto& block : blocks) block.forward(ctx, t);
    overlap.forward(ctx, t);
    conv.forward(ctx, t, y, {.residual = rows(x)});
  }
};

}  // namespace eqsr::inline EQSR_ABI
