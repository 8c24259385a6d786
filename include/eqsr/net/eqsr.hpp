// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/kriging_upsampler.hpp>  // KrigingUpsampler
#include <eqsr/layer/pad.hpp>                // ReflectPad, Crop
#include <eqsr/net/blocks.hpp>               // Group
#include <eqsr/net/condition.hpp>            // encode_condition
#include <eqsr/net/network.hpp>              // forward_bands
#include <eqsr/net/skip.hpp>                 // with_skip

namespace eqsr { inline namespace EQSR_ABI {

/// The whole network, a `Network`: an RGB image in [0,1] to an RGB image of any size, not clamped.
/// Source    Wang et al., Deep Arbitrary-Scale Image Super-Resolution via Scale-Equivariance
///           Pursuit, CVPR 2023, doi:10.1109/CVPR52729.2023.00178
template <Config config, class B>
struct Net {
  static_assert((check_config<config>(), true));
  static constexpr Config configuration = config;
  static constexpr int C = config.channels, channels = C;
  using Skip = std::conditional_t<config.image_skip == ImageSkip::bicubic, BicubicSkip, MeanSkip>;
  using Upsampler = KrigingUpsampler<C, B, config.latent, config.frequencies>;
  static constexpr bool computes_parts = Upsampler::computes_parts;
  using backend = B;
  using input = On<B, Plane<const float, 3>>;
  using output = On<B, Plane<float, 3>>;

  Conv2d<3, C, 3, B> conv_first;
  LayerNorm<C, B> patch_norm;
  std::vector<Group<config, B>> groups;
  LayerNorm<C, B> norm;
  Conv2d<C, C, 3, B> conv_after_body;
  Upsampler upsampler;
  Encoding encoding = Encoding::division;  ///< the rounding that the weights were trained with

  Net() : groups(config.depths.begin(), config.depths.begin() + config.groups()) {}
  static void visit(auto& self, auto&& v) {
    v("conv_first", self.conv_first);
    v("patch_embed.norm", self.patch_norm);
    v("layers", self.groups);
    v("norm", self.norm);
    v("conv_after_body", self.conv_after_body);
    v("upsample", self.upsampler);
  }

  /// The number t whose encoding conditions the trunk, for an enlargement of h x w to H x W.
  static float condition(Index h, Index w, Index H, Index W) {
    if (config.conditioning == Conditioning::target_height)
      return static_cast<float>(2.0 / double(H));
    const double scale = std::sqrt(double(H) / double(h) * (double(W) / double(w)));
    return static_cast<float>(2.0 / (config.training_patch * scale));
  }

  /// y = network(x); the condition t follows from the sizes unless it is given.
  void forward(AnyContext auto& ctx, input x, output y, std::optional<float> t = {}) const {
    forward_bands(ctx, *this, x, whole_image(ctx, y), t);
  }

  /// The target image from the trunk's features of image x.
  [[gnu::cold]] void reconstruct(AnyContext auto& ctx, input x, Plane<const float, C> f,
                                 const Bands& bands) const {
    upsampler.forward_bands(ctx, f, with_skip<Skip>(ctx, x, bands), encoding);
  }

  /// The trunk: image (h, w, 3) to features (h, w, c), conditioned by t.
  template <AnyContext Ctx>
  [[gnu::cold]] void features(Ctx& ctx, input x, float t, Plane<float, C> f) const {
    const Index h = round_up(extent<'h'>(x), config.window);
    const Index w = round_up(extent<'w'>(x), config.window);
    Scope scope(ctx);
    const auto style = scope.template rows<config.encoded()>(1);
    encode_condition(ctx, t, encoding, style);

    const auto f0 = scope.template plane<C>(h, w);
    embed(ctx, x, f0);
    const auto a = scope.template plane<C>(h, w);
    patch_norm.forward(ctx, rows(f0), rows(a));
    for (std::size_t g = 0; g < groups.size(); ++g) {
      Share<Ctx> progress(ctx, double(g) / double(groups.size()),
                          double(g + 1) / double(groups.size()));
      groups[g].forward(ctx, a, Channels<const float, config.encoded()>(style.data()), a);
    }
    norm.forward(ctx, rows(a), rows(a));
    conv_after_body.forward(ctx, a, f0, {.residual = rows(f0)});
    launch<op::Crop>(ctx, f0.read(), f);
  }

 private:
  void embed(AnyContext auto& ctx, input x, Plane<float, C> f0) const {
    Scope scope(ctx);
    const auto image = scope.template plane<3>(extent<'h'>(f0), extent<'w'>(f0));
    launch<op::ReflectPad>(ctx, x, image);
    shift_by_mean(ctx, rows(image), -1, rows(image));
    conv_first.forward(ctx, image, f0);
  }
};

}}  // namespace eqsr::EQSR_ABI
