// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/bicubic.hpp>            // Bicubic
#include <eqsr/layer/kriging_upsampler.hpp>  // KrigingUpsampler
#include <eqsr/layer/pad.hpp>                // ReflectPad, Crop
#include <eqsr/net/blocks.hpp>               // Group

#include <optional>  // optional

namespace eqsr { inline namespace EQSR_ABI {

/// The mean colour of the training images, RGB.
inline constexpr std::array<float, 3> image_mean{0.4488f, 0.4371f, 0.4040f};

/// The whole network: an RGB image in [0,1] to an RGB image of any size, not clamped.
/// Source    Wang et al., Deep Arbitrary-Scale Image Super-Resolution via Scale-Equivariance
///           Pursuit, CVPR 2023, doi:10.1109/CVPR52729.2023.00178
template <Config config, class B>
struct Net {
  static_assert((check_config<config>(), true));
  static constexpr Config configuration = config;
  static constexpr int C = config.channels;
  using backend = B;
  using input = Plane<const float, 3>;
  using output = Plane<float, 3>;

  Conv2d<3, C, 3, B> conv_first;
  LayerNorm<C, B> patch_norm;
  std::vector<Group<config, B>> groups;
  LayerNorm<C, B> norm;
  Conv2d<C, C, 3, B> conv_after_body;
  KrigingUpsampler<C, B, config.latent, config.frequencies> upsampler;
  Encoding encoding =
      Encoding::division;  ///< the rounding policy that the weights were trained with

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
    forward_bands(
        ctx, x,
        {.height = y.template extent<'h'>(), .width = y.template extent<'w'>(), .whole = y.data()},
        t);
  }

  /// The same, band by band.
  template <AnyContext Ctx>
  void forward_bands(Ctx& ctx, input x, const Bands& bands, std::optional<float> t = {}) const {
    const Index h = x.template extent<'h'>(), w = x.template extent<'w'>();
    const double share = trunk_share(h, w, bands.height, bands.width);
    Scope scope(ctx);
    const auto f = scope.template plane<C>(h, w);
    {
      Share<Ctx> progress(ctx, 0, share);
      features(ctx, x, t.value_or(condition(h, w, bands.height, bands.width)), f);
    }
    Share<Ctx> progress(ctx, share, 1);
    reconstruct(ctx, x, f, bands);
  }

  /// The target image from the trunk's features of image x.
  void reconstruct(AnyContext auto& ctx, input x, Plane<const float, C> f,
                   const Bands& bands) const {
    Bands finished = bands;
    finished.take = [&](Index first, output band) {
      if constexpr (config.image_skip == ImageSkip::bicubic)
        launch<op::Bicubic>(ctx, x, band, first, bands.height);
      else
        shift_by_mean(ctx, rows(band), +1, rows(band));
      if (bands.take) bands.take(first, band);
    };
    upsampler.forward_bands(ctx, f, finished, encoding);
  }

  /// The trunk: image (h, w, 3) to features (h, w, c), conditioned by t.
  template <AnyContext Ctx>
  void features(Ctx& ctx, input x, float t, Plane<float, C> f) const {
    const Index h = padded(x.template extent<'h'>(), config.window);
    const Index w = padded(x.template extent<'w'>(), config.window);
    Scope scope(ctx);
    const auto style = scope.template rows<config.encoded()>(1);
    encode_condition(ctx, t, style);

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
    launch<op::Crop>(ctx, Plane<const float, C>(f0), f);
  }

 private:
  /// The trunk's share of the work, roughly, for the progress that is reported.
  static double trunk_share(Index h, Index w, Index H, Index W) {
    constexpr double token = [] {
      double blocks = 0;
      for (const int depth : config.depths) blocks += depth;
      return C * (C * (8.0 * blocks + 20.0 * config.groups()) +
                  2.0 * blocks * config.window * config.window);
    }();
    constexpr double pixel = 17.0 * config.latent * config.latent;
    const double trunk = token * double(h) * double(w), image = pixel * double(H) * double(W);
    return trunk / (trunk + image);
  }

  void embed(AnyContext auto& ctx, input x, Plane<float, C> f0) const {
    Scope scope(ctx);
    const auto image =
        scope.template plane<3>(f0.template extent<'h'>(), f0.template extent<'w'>());
    launch<op::ReflectPad>(ctx, x, image);
    shift_by_mean(ctx, rows(image), -1, rows(image));
    conv_first.forward(ctx, image, f0);
  }
  template <AnyContext Ctx>
  void encode_condition(Ctx& ctx, float t, Rows<float, config.encoded()> style) const {
    Scope scope(ctx);
    const Rows<float, 1> number(scope.template array<float>(1), 1);
    launch<op::ChannelFill>(ctx, std::array<float, 1>{t}, number);
    launch<op::FrequencyEncoding>(ctx, Rows<const float, 1>(number), encoding, style);
  }
  static void shift_by_mean(AnyContext auto& ctx, Rows<const float, 3> x, int sign,
                            Rows<float, 3> y) {
    std::array<float, 3> shift{};
    for (std::size_t c = 0; c < 3; ++c) shift[c] = static_cast<float>(sign) * image_mean[c];
    launch<op::ChannelShift>(ctx, x, shift, y);
  }
};

}}  // namespace eqsr::EQSR_ABI
