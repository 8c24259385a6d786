// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>   // Module
#include <eqsr/core/plan.hpp>    // first_share
#include <eqsr/layer/bands.hpp>  // Bands

#include <concepts>  // convertible_to
#include <optional>  // optional

/// What the front door takes: a network in two parts. Its trunk works at the size of the input and
/// makes `N::channels` features of every pixel, which serve any number of results; the rest makes a
/// result of them.
namespace eqsr { inline namespace EQSR_ABI {

/// `upscale` and its relatives take any network, which is a module (its parameters have names) with
///
///     using backend = ...;
///     static constexpr int channels = ...;          // of the features
///     condition(h, w, H, W)                          // the number t that the trunk is told
///     features(ctx, image, t, f)                     // the trunk: (h, w, 3) to (h, w, channels)
///     reconstruct(ctx, image, f, bands)              // the result, band by band
///
/// where `features` and `reconstruct` run on a dry context as well: that is how memory is planned.
/// `Net` is one; `Composed` makes one of a backbone and an upsampler.
template <class N>
concept Network = Module<N> &&
    requires(const N& net, Context<DryRun<typename N::backend>>& ctx, Plane<const float, 3> image,
             Plane<float, N::channels> f, const Bands& bands, Index n, float t) {
  { net.condition(n, n, n, n) } -> std::convertible_to<float>;
  net.features(ctx, image, t, f);
  net.reconstruct(ctx, image, f.read(), bands);
};

/// The network from image to result, band by band. The condition t follows from the sizes unless it
/// is given.
template <AnyContext C, Network N>
[[gnu::noinline]] void forward_bands(C& ctx, const N& net, Plane<const float, 3> x,
                                     const Bands& bands, std::optional<float> t = {}) {
  const Index h = extent<'h'>(x), w = extent<'w'>(x);
  Scope scope(ctx);
  const auto f = scope.template plane<N::channels>(h, w);
  const Plane<const float, N::channels> made = f;
  const double share = first_share(
      ctx, [&](auto& dry) { net.features(dry, x, 0, f); },
      [&](auto& dry) {
        net.reconstruct(dry, x, made,
                        {.height = bands.height, .width = bands.width, .storage = bands.storage});
      });
  {
    Share<C> progress(ctx, 0, share);
    net.features(ctx, x, t ? *t : net.condition(h, w, bands.height, bands.width), f);
  }
  Share<C> progress(ctx, share, 1);
  net.reconstruct(ctx, x, made, bands);
}

}}  // namespace eqsr::EQSR_ABI
