// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/adaptive_feature_extractor.hpp>   // AdaptiveFeatureExtractor
#include <eqsr/layer/hybrid_attention_block.hpp>       // HybridAttentionBlock
#include <eqsr/layer/overlapping_attention_block.hpp>  // OverlappingAttentionBlock
#include <eqsr/net/config.hpp>                         // Config

#include <vector>  // vector

/// The blocks of the trunk. All work in place on a padded plane (h', w', c).
namespace eqsr { inline namespace EQSR_ABI {

template <Config config, class B>
using HybridBlock =
    HybridAttentionBlock<config.channels, config.heads, config.window, config.mlp_hidden(), B>;

template <Config config, class B>
using OverlapBlock = OverlappingAttentionBlock<config.channels, config.heads, config.window,
                                               config.key_window(), config.mlp_hidden(), B>;

/// A residual group: y = x + conv( overlap( blocks( extractor(x, style) ) ) ).
/// Source    `layers.g` of the checkpoints; paper section 3.1
template <Config config, class B>
struct Group {
  static constexpr int C = config.channels;

  AdaptiveFeatureExtractor<C, config.encoded(), config.squeeze_hidden(), B> extractor;
  std::vector<HybridBlock<config, B>> blocks;
  OverlapBlock<config, B> overlap;
  Conv2d<C, C, 3, B> conv;

  /// `depth` counts the blocks and the overlapping attention.
  [[gnu::cold]] explicit Group(int depth) : blocks(static_cast<std::size_t>(depth - 1)) {
    for (std::size_t k = 0; k < blocks.size(); ++k)
      blocks[k].shift = k % 2 == 1 ? config.window / 2 : 0;
  }
  static void visit(auto& self, auto&& v) {
    v("residual_group.mbconv", self.extractor);
    v("residual_group.blocks", self.blocks);
    v("residual_group.overlap_attn", self.overlap);
    v("conv", self.conv);
  }
  /// y may be x.
  [[gnu::cold]] void forward(AnyContext auto& ctx, Plane<const float, C> x,
                             Channels<const float, config.encoded()> style,
                             Plane<float, C> y) const {
    Scope scope(ctx);
    const auto t = scope.template plane<C>(extent<'h'>(x), extent<'w'>(x));
    const double steps = double(blocks.size()) + 3;
    double done = 0;
    ctx.checkpoint(done++ / steps, "features");
    extractor.forward(ctx, x, style, t);
    for (const auto& block : blocks) {
      ctx.checkpoint(done++ / steps, "features");
      block.forward(ctx, t);
    }
    ctx.checkpoint(done++ / steps, "features");
    overlap.forward(ctx, t);
    ctx.checkpoint(done++ / steps, "features");
    conv.forward(ctx, t, y, {.residual = rows(x)});
  }
};

}}  // namespace eqsr::EQSR_ABI
