// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/frequency_encoding.hpp>  // Encoding
#include <eqsr/net/network.hpp>
#include <eqsr/net/skip.hpp>  // BicubicSkip

#include <cmath>        // sqrt
#include <type_traits>  // is_convertible

namespace eqsr { inline namespace EQSR_ABI {

/// A network of parts, for `upscale` and its relatives:
///   result = upsampler( backbone(image) ) + skip(image)
/// The backbone is a module that makes features of every pixel: `forward(ctx, image, f)`, or
/// `forward(ctx, image, t, f)` if it wants to know the enlargement, t = 1 / sqrt(H/h W/w). The
/// upsampler has `forward_bands` as KrigingUpsampler has it.
/// Shapes    image (h, w, 3) in [0,1]   f (h, w, Upsampler::channels)   result (H, W, 3)
template <class Backbone, class Upsampler, class Skip = BicubicSkip>
struct Composed {
  using backend = typename Upsampler::backend;
  using input = On<backend, Plane<const float, 3>>;
  using output = On<backend, Plane<float, 3>>;
  static constexpr int channels = Upsampler::channels;
  static constexpr bool computes_parts = requires { requires Upsampler::computes_parts; };
  using Features = Plane<float, channels>;
  static_assert(Module<Backbone>,
                "eqsr: Composed: the backbone is no module. Give it a static visit(self, visitor); "
                "it may be empty.");
  static_assert(
      [] {
        if constexpr (requires { typename Backbone::output; })
          return std::is_convertible_v<Features, typename Backbone::output>;
        return true;
      }(),
      "eqsr: Composed: the backbone's output is not the upsampler's input. Give both the same "
      "number of channels.");

  Backbone backbone;
  Upsampler upsampler;
  Encoding encoding =
      Encoding::division;  ///< the rounding policy that the weights were trained with

  static void visit(auto& self, auto&& v) {
    v("backbone", self.backbone);
    v("upsample", self.upsampler);
  }

  static float condition(Index h, Index w, Index H, Index W) {
    return static_cast<float>(1 / std::sqrt(double(H) / double(h) * (double(W) / double(w))));
  }
  template <AnyContext C>
  void features(C& ctx, input image, float t, Features f) const {
    if constexpr (requires { backbone.forward(ctx, image, t, f); })
      backbone.forward(ctx, image, t, f);
    else
      backbone.forward(ctx, image, f);
  }
  void reconstruct(AnyContext auto& ctx, input image, Plane<const float, channels> f,
                   const Bands& bands) const {
    upsampler.forward_bands(ctx, f, with_skip<Skip>(ctx, image, bands), encoding);
  }
  /// y = network(x); the condition t follows from the sizes unless it is given.
  void forward(AnyContext auto& ctx, input x, output y, std::optional<float> t = {}) const {
    forward_bands(ctx, *this, x, whole_image(ctx, y), t);
  }
};

}}  // namespace eqsr::EQSR_ABI
