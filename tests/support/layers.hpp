// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/upscale.hpp>  // every layer

#include "support/arrays.hpp"

namespace eqsr_test {

/// Calls `check(name, run)` for every layer, operator and composite, with parameters in the memory
/// of backend B; `run(ctx)` is its forward pass on awkward sizes. All memory is in `arrays`.
template <class B, class Check>
void every_layer(const Check& check) {
  using namespace eqsr;
  Arrays<B> arrays;
  const auto in = [&]<int C>(Index h, Index w) { return arrays.in(Map<C>(h, w, "input")); };
  const auto out = [&]<int C>(Index h, Index w) { return arrays.template out<C>(h, w); };
  /// A layer from a plane to another of the same size.
  const auto plane = [&]<int In, int Out>(const char* name, auto layer, Index h, Index w,
                                          const auto&... more) {
    fill(layer);
    const auto x = in.template operator()<In>(h, w);
    const auto y = out.template operator()<Out>(h, w);
    check(name, [&](auto& ctx) { layer.forward(ctx, x, more..., y); });
  };
  const auto rows_of = [&]<int In, int Out>(const char* name, auto layer, Index m) {
    fill(layer);
    const auto x = rows(in.template operator()<In>(m, 1));
    const auto y = rows(out.template operator()<Out>(m, 1));
    check(name, [&](auto& ctx) { layer.forward(ctx, x, y); });
  };
  rows_of.template operator()<20, 33>("linear", Linear<20, 33, B>(), 100);
  rows_of.template operator()<20, 20>("layer norm", LayerNorm<20, B>(), 7);
  rows_of.template operator()<24, 24>("mlp", Mlp<24, 50, B>(), 70);
  rows_of.template operator()<288, 288>("wide mlp", Mlp<288, 70, B>(), 5);
  plane.template operator()<10, 20>("convolution 1x1", Conv2d<10, 20, 1, B>(), 5, 7);
  plane.template operator()<10, 20>("convolution 3x3", Conv2d<10, 20, 3, B>(), 5, 7);
  plane.template operator()<24, 24>("window attention", WindowAttention<24, 2, 4, B>(), 8, 12, 0);
  plane.template operator()<24, 24>("shifted attention", WindowAttention<24, 2, 4, B>(), 8, 12, 2);
  plane.template operator()<24, 24>("overlapping attention", OverlappingAttention<24, 2, 4, 6, B>(),
                                    8, 12);
  plane.template operator()<24, 24>("squeeze-excitation", SqueezeExcitation<24, 6, B>(), 5, 3);
  plane.template operator()<24, 24>("efficient channel attention", Eca<24, B>(), 5, 3);
  plane.template operator()<16, 16>("involution", Involution<16, B>(), 5, 7,
                                    in.template operator()<9>(5, 7));
  plane.template operator()<16, 16>("involution block", InvolutionBlock<16, B>(), 5, 7,
                                    in.template operator()<9>(5, 7));
  const Channels<const float, 9> style(in.template operator()<9>(1, 1).data());
  plane.template operator()<24, 24>("modulated convolution", ModulatedConv2d<24, 24, 9, B>(), 5, 7,
                                    style);
  plane.template operator()<24, 24>("adaptive feature extractor",
                                    AdaptiveFeatureExtractor<24, 9, 6, B>(), 5, 7, style);

  const auto block = [&](const char* name, const char* composed, auto layer) {
    fill(layer);
    const auto x = arrays.copy(Map<24>(8, 12, "input"));
    check(name, [&](auto& ctx) { layer.forward(ctx, x); });
    check(composed, [&](auto& ctx) { layer.compose(ctx, x); });
  };
  block("hybrid attention block", "composed hybrid attention block",
        HybridAttentionBlock<24, 2, 4, 48, B>());
  block("overlapping attention block", "composed overlapping attention block",
        OverlappingAttentionBlock<24, 2, 4, 6, 48, B>());

  const auto small = in.template operator()<3>(5, 7);
  const auto large = arrays.copy(Map<3>(9, 16, "input"));
  const Plane<const float, 3> filled(large.data(), 9, 16);
  const auto cropped = out.template operator()<3>(5, 7);
  check("pad", [&](auto& ctx) { launch<op::ReflectPad>(ctx, small, large); });
  check("crop", [&](auto& ctx) { launch<op::Crop>(ctx, filled, cropped); });
  check("bicubic", [&](auto& ctx) { launch<op::Bicubic>(ctx, small, large, Index{0}, Index{9}); });
  check("activation", [&](auto& ctx) {
    launch<op::Activate>(ctx, Activation::relu, rows(filled), Rows<const float, 3>(), rows(large));
  });

  const auto upsampler = [&](const char* name, auto layer, Index H, Index W) {
    fill(layer);
    const auto x = in.template operator()<10>(4, 5);
    const auto y = out.template operator()<3>(H, W);
    check(name, [&](auto& ctx) { layer.forward(ctx, x, y); });
    const std::string rows = std::string(name) + " by rows";
    check(rows.c_str(), [&](auto& ctx) {
      layer.forward_bands(ctx, x, {.height = H, .width = W, .storage = ctx.storage});
    });
    const std::string composed = "composed " + std::string(name);
    check(composed.c_str(), [&](auto& ctx) { layer.compose(ctx, x, y); });
  };
  upsampler("kriging upsampler", KrigingUpsampler<10, B, 16, 6>(), 19, 9);
  upsampler("wide kriging upsampler", KrigingUpsampler<10, B, 264, 2>(), 2, 3);
}

/// Whether the plan of `run(ctx)` is what a fresh context's arena then holds.
inline void expect_exact_plan(auto& ctx, const auto& run) {
  auto dry = eqsr::dry_run(ctx, ctx.storage);
  run(dry);
  const eqsr::Plan plan = eqsr::plan_of(dry);
  run(ctx);
  CHECK(plan.workspace == ctx.arena().peak() + eqsr::arena_alignment);
}

}  // namespace eqsr_test
