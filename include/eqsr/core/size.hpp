// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>  // EQSR_EXPECTS
#include <eqsr/core/math.hpp>   // saturated_product
#include <eqsr/core/view.hpp>   // Index

#include <algorithm>  // max
#include <cmath>      // nearbyint, isfinite
#include <cstdint>    // int64_t
#include <limits>     // numeric_limits
#include <optional>   // optional

/// How large a result shall be.
namespace eqsr { inline namespace EQSR_ABI {

/// How large the result shall be: one of
///   {.scale = 3.7}   {.scale_y = 2, .scale_x = 3.5}   {.height = 1080, .width = 1920}
/// Sizes from scales are max(1, nearbyint(extent * scale)).
struct Target {
  double scale = 0;
  double scale_y = 0, scale_x = 0;
  int height = 0, width = 0;
  std::optional<float> condition{};  ///< overrides the number t that conditions the trunk
};

/// Height and width of an image.
struct Size {
  int height = 0, width = 0;
  bool operator==(const Size&) const = default;
};

namespace detail {
inline int scaled_extent(int extent, double scale) {
  EQSR_EXPECTS(std::isfinite(scale) && scale > 0, "bad_argument", "The scale ", scale,
               " is no enlargement: it must be a positive number, such as 2 or 3.7.");
  const double scaled = (std::max)(1.0, std::nearbyint(extent * scale));
  EQSR_EXPECTS(scaled <= 1 << 24, "limit_exceeded", "The scale ", scale, " makes ", extent,
               " pixels into ", scaled, "; at most 16777216 a side are supported.");
  return static_cast<int>(scaled);
}
[[gnu::cold]] inline Size resolved(const Target& target, int height, int width) {
  const bool one = target.scale != 0;
  const bool two = target.scale_y != 0 || target.scale_x != 0;
  const bool size = target.height != 0 || target.width != 0;
  EQSR_EXPECTS(int{one} + int{two} + int{size} == 1, "bad_argument",
               "A target needs exactly one of a scale, a scale for each axis, or a height and a "
               "width. Set one of them, for example Target{.scale = 2}.");
  EQSR_EXPECTS(height > 0 && width > 0, "bad_argument", "The image has ", height, " x ", width,
               " pixels; it needs at least one.");
  if (one) return {scaled_extent(height, target.scale), scaled_extent(width, target.scale)};
  if (two) return {scaled_extent(height, target.scale_y), scaled_extent(width, target.scale_x)};
  EQSR_EXPECTS(target.height > 0 && target.width > 0, "bad_argument", "A target of ", target.height,
               " x ", target.width,
               " pixels is no size. Set a positive height and a positive width.");
  EQSR_EXPECTS(target.height <= 1 << 24 && target.width <= 1 << 24, "limit_exceeded",
               "A target of ", target.height, " x ", target.width,
               " pixels is too large; at most 16777216 a side are supported.");
  return {target.height, target.width};
}
}  // namespace detail

/// The size of the result for an input of h x w pixels.
[[gnu::noinline]] inline Size resolve(const Target& target, int height, int width) {
  return detail::resolved(target, height, width);
}

namespace detail {

/// Of an RGB image.
inline std::size_t image_bytes(Size size) {
  return saturated_product(saturated_product(static_cast<std::size_t>(size.height),
                                             static_cast<std::size_t>(size.width)),
                           3 * sizeof(float));
}

/// With 32 bits, an image whose planes have more numbers than an Index counts is refused here. They
/// would not fit into the memory that can be addressed either.
[[gnu::noinline]] inline void expect_countable(Size from, int channels, Size to) {
  const auto pixels = [](Size size) { return std::int64_t{size.height} * size.width; };
  constexpr std::int64_t most = (std::numeric_limits<Index>::max)();
  EQSR_EXPECTS(pixels(from) <= most / 8 / channels && pixels(to) <= most / 3, "memory_budget",
               "An image of ", from.height, " x ", from.width, " to ", to.height, " x ", to.width,
               " needs more memory than a program of ", 8 * sizeof(Index),
               " bits can address. Choose a smaller size, or a program of 64 bits.");
}

}  // namespace detail
}}  // namespace eqsr::EQSR_ABI
