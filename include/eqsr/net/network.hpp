// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>      // Module
#include <eqsr/core/workspace.hpp>  // Bands, Share

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
  net.reconstruct(ctx, image, Plane<const float, N::channels>(f), bands);
};

namespace detail {

/// The trunk's share of a network's operations, for the progress that is reported.
template <AnyContext C, class N>
double trunk_share(const C& ctx, const N& net, Plane<const float, 3> x, const Bands& bands) {
  auto dry = dry_run(ctx, bands.storage);
  const Plane<float, N::channels> f(nullptr, x.template extent<'h'>(), x.template extent<'w'>());
  net.features(dry, x, 0, f);
  const double trunk = dry.cost.flops;
  net.reconstruct(dry, x, Plane<const float, N::channels>(f),
                  {.height = bands.height, .width = bands.width, .storage = bands.storage});
  return trunk / dry.cost.flops;
}

}  // namespace detail

/// The network from image to result, band by band. The condition t follows from the sizes unless it
/// is given.
template <AnyContext C, Network N>
void forward_bands(C& ctx, const N& net, Plane<const float, 3> x, const Bands& bands,
                   std::optional<float> t = {}) {
  const Index h = x.template extent<'h'>(), w = x.template extent<'w'>();
  double share = 0;
  if constexpr (!is_dry<typename C::backend>)
    if (ctx.on_progress) share = detail::trunk_share(ctx, net, x, bands);
  Scope scope(ctx);
  const auto f = scope.template plane<N::channels>(h, w);
  {
    Share<C> progress(ctx, 0, share);
    net.features(ctx, x, t ? *t : net.condition(h, w, bands.height, bands.width), f);
  }
  Share<C> progress(ctx, share, 1);
  net.reconstruct(ctx, x, Plane<const float, N::channels>(f), bands);
}

}}  // namespace eqsr::EQSR_ABI
