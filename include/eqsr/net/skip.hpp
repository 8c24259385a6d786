// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/bands.hpp>    // Bands
#include <eqsr/layer/bicubic.hpp>  // op::Bicubic
#include <eqsr/layer/channel.hpp>  // op::ChannelShift

#include <array>  // array

/// What a network's output is added to, so that the network computes a difference only. A skip has
/// no parameters: `Skip::add(ctx, image, rows, first, height)` adds to some rows of a result, from
/// row `first` of `height` on.
namespace eqsr { inline namespace EQSR_ABI {

/// The mean colour of the training images, RGB.
inline constexpr std::array<float, 3> image_mean{0.4488f, 0.4371f, 0.4040f};

/// Every pixel of x shifted by the mean colour, `sign` times.
void shift_by_mean(AnyContext auto& ctx, Rows<const float, 3> x, int sign, Rows<float, 3> y) {
  std::array<float, 3> shift{};
  for (std::size_t c = 0; c < 3; ++c) shift[c] = static_cast<float>(sign) * image_mean[c];
  launch<op::ChannelShift>(ctx, x, shift, y);
}

/// Nothing: the network computes the whole picture.
struct NoSkip {
  static void add(AnyContext auto&, Plane<const float, 3>, Plane<float, 3>, Index, Index) {}
};

/// The mean colour.
struct MeanSkip {
  static void add(AnyContext auto& ctx, Plane<const float, 3>, Plane<float, 3> y, Index, Index) {
    shift_by_mean(ctx, rows(y), +1, rows(y));
  }
};

/// The input, interpolated.
struct BicubicSkip {
  static void add(AnyContext auto& ctx, Plane<const float, 3> x, Plane<float, 3> y, Index first,
                  Index height) {
    launch<op::Bicubic>(ctx, x, y, first, height);
  }
};

/// The same bands, where the skip from `image` is added to the rows that an upsampler finishes.
template <class Skip, AnyContext C>
Bands with_skip(C& ctx, Plane<const float, 3> image, Bands bands) {
  bands.skip = [&ctx, image, height = bands.height](Index first, Plane<float, 3> rows) {
    Skip::add(ctx, image, rows, first, height);
  };
  return bands;
}

}}  // namespace eqsr::EQSR_ABI
