// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>

#include <array>
#include <string>
#include <vector>

/// The trunk of EDSR-baseline from the layers of eqsr, with the names and shapes of its published
/// weights, and a network for any scale on top of it.
/// Source    Lim et al., Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPR
///           Workshops 2017, doi:10.1109/CVPRW.2017.151
namespace edsr {

using eqsr::Plane;
using eqsr::rows;

inline constexpr int channels = 64, blocks = 16;

// [trunk]
/// y = x + conv( ReLU( conv(x) ) ); y may be x.
template <class B>
struct ResidualBlock {
  eqsr::Conv2d<channels, channels, 3, B> first, second;

  static void visit(auto& self, auto&& v) {
    v("body.0", self.first);
    v("body.2", self.second);
  }
  void forward(eqsr::AnyContext auto& ctx, Plane<const float, channels> x,
               Plane<float, channels> y) const {
    eqsr::Scope scope(ctx);
    const auto hidden = scope.template plane<channels>(eqsr::extent<'h'>(x), eqsr::extent<'w'>(x));
    first.forward(ctx, x, hidden, {.activation = eqsr::Activation::relu});
    second.forward(ctx, hidden, y, {.residual = rows(x)});
  }
};

/// EDSR without its upsampler: an RGB image in [0,1] to features of every pixel.
template <class B>
struct Trunk {
  using output = Plane<float, channels>;

  eqsr::Conv2d<3, 3, 1, B> sub_mean;
  eqsr::Conv2d<3, channels, 3, B> head;
  std::vector<ResidualBlock<B>> body{blocks};
  eqsr::Conv2d<channels, channels, 3, B> last;

  static void visit(auto& self, auto&& v) {
    v("sub_mean", self.sub_mean);
    v("head.0", self.head);
    v("body", self.body);
    v("body.16", self.last);
  }
  void forward(eqsr::AnyContext auto& ctx, Plane<const float, 3> image, output f) const {
    const auto h = eqsr::extent<'h'>(image), w = eqsr::extent<'w'>(image);
    eqsr::Scope scope(ctx);
    const auto x = scope.template plane<3>(h, w), centred = scope.template plane<3>(h, w);
    const auto shallow = scope.template plane<channels>(h, w);
    const auto deep = scope.template plane<channels>(h, w);
    times_255(ctx, image, x);
    sub_mean.forward(ctx, x, centred);
    head.forward(ctx, centred, shallow);
    for (int i = 0; i < blocks; ++i) {
      ctx.checkpoint(double(i) / blocks, "features");
      body[std::size_t(i)].forward(ctx, i == 0 ? shallow : deep, deep);
    }
    last.forward(ctx, deep, f, {.residual = rows(shallow)});
  }

 private:
  /// The published weights expect colours in [0,255].
  static void times_255(eqsr::AnyContext auto& ctx, Plane<const float, 3> image,
                        Plane<float, 3> x) {
    eqsr::Scope scope(ctx);
    const auto factor = scope.template rows<3>(1);
    eqsr::launch<eqsr::op::ChannelFill>(ctx, std::array{255.0f, 255.0f, 255.0f}, factor);
    eqsr::launch<eqsr::op::ChannelScale>(ctx, rows(image),
                                         eqsr::Channels<const float, 3>(factor.data()), rows(x),
                                         eqsr::Rows<const float, 3>());
  }
};
// [trunk]

// [network]
inline constexpr int latent = 64, frequencies = 10, encoded = eqsr::encoding_size(frequencies);

/// The trunk, and an adaptive feature extractor that tells its features the scale.
template <class B>
struct ScaleAwareTrunk {
  Trunk<B> edsr;
  eqsr::AdaptiveFeatureExtractor<channels, encoded, channels / 4, B> extractor;

  static void visit(auto& self, auto&& v) {
    v("edsr", self.edsr);
    v("extractor", self.extractor);
  }
  void forward(eqsr::AnyContext auto& ctx, Plane<const float, 3> image, float t,
               Plane<float, channels> f) const {
    eqsr::Scope scope(ctx);
    const auto features =
        scope.template plane<channels>(eqsr::extent<'h'>(image), eqsr::extent<'w'>(image));
    edsr.forward(ctx, image, features);
    const auto style = scope.template rows<encoded>(1);
    eqsr::encode_condition(ctx, t, eqsr::Encoding::division, style);
    extractor.forward(ctx, features, eqsr::Channels<const float, encoded>(style.data()), f);
  }
};

/// EDSR-baseline for any scale.
template <class B>
using Network =
    eqsr::Composed<ScaleAwareTrunk<B>, eqsr::KrigingUpsampler<channels, B, latent, frequencies>>;
// [network]

/// Fills the trunk from a published state dict. Its upsampler, `tail` and `add_mean`, is the part
/// that is replaced and left out.
template <class B>
void load_trunk(Trunk<B>& trunk, const eqsr::StateDict& published) {
  eqsr::StateDict dict;
  for (const auto& [name, tensor] : published)
    if (!name.starts_with("tail.") && !name.starts_with("add_mean.")) dict.insert(name, tensor);
  eqsr::load_into(trunk, dict);
}

}  // namespace edsr
