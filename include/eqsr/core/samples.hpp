// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>  // EQSR_EXPECTS
#include <eqsr/core/half.hpp>   // Half
#include <eqsr/core/image.hpp>  // Image

#include <algorithm>  // clamp
#include <cmath>      // nearbyint, isfinite
#include <limits>     // numeric_limits

/// Samples of 8 or 16 bits, or of half precision, to floats and back, and colours to grey.
namespace eqsr { inline namespace EQSR_ABI {

/// An unsigned sample as a part of its largest value, in [0,1].
template <class Sample>
float to_float(Sample sample) {
  return static_cast<float>(sample) / static_cast<float>((std::numeric_limits<Sample>::max)());
}

/// Numbers that are floats, or nearly.
inline float to_float(float sample) { return sample; }
inline float to_float(Half sample) { return half_to_float(sample.bits); }

/// Floats clamped to [0,1] and rounded to nearest samples, ties to even. Throws `nonfinite_output`
/// for a value that is not finite: a picture with holes is never made as if it were one.
template <class Sample>
void to_samples(const float* values, std::size_t count, Sample* samples) {
  constexpr float most = (std::numeric_limits<Sample>::max)();
  for (std::size_t i = 0; i < count; ++i) {
    EQSR_EXPECTS(std::isfinite(values[i]), "nonfinite_output",
                 "The image holds values that are not finite, so it is not written. Check the "
                 "input and the weights.");
    samples[i] = static_cast<Sample>(std::nearbyint(std::clamp(values[i], 0.0f, 1.0f) * most));
  }
}

/// Floats as the nearest halves, not clamped.
inline void to_samples(const float* values, std::size_t count, Half* samples) {
  for (std::size_t i = 0; i < count; ++i) samples[i] = {float_to_half(values[i])};
}

/// The luma of a colour, of full range: Y = (299 R + 587 G + 114 B) / 1000.
///
/// Rounding  products and sums in double, where they are exact for colours of like size, so that
///           the luma of a grey is that grey and no compiler's choice of instructions shows
/// Source    ITU-R BT.601-7, section 2.5.1
EQSR_HD inline float luma(const float* rgb) {
  return static_cast<float>(
      (299.0 * double(rgb[0]) + 587.0 * double(rgb[1]) + 114.0 * double(rgb[2])) / 1000.0);
}

/// A row of RGB to one of grey; they may be the same memory.
inline void to_grey(const float* rgb, std::size_t pixels, float* grey) {
  for (std::size_t i = 0; i < pixels; ++i) grey[i] = luma(rgb + 3 * i);
}

/// The grey of an image: RGB becomes one channel, RGB and alpha become grey and alpha.
inline Image grey_image(const Image& colour) {
  EQSR_EXPECTS(colour.channels == 3 || colour.channels == 4, "bad_argument", "An image of ",
               colour.channels, " channels is no RGB image. Give it three, or four with alpha.");
  Image grey = blank_image(colour.height, colour.width, colour.channels - 2);
  float* out = grey.pixels.data();
  const auto channels = static_cast<std::size_t>(colour.channels);
  for (std::size_t i = 0; i < colour.pixels.size(); i += channels) {
    *out++ = luma(&colour.pixels[i]);
    if (channels == 4) *out++ = colour.pixels[i + 3];
  }
  return grey;
}

}}  // namespace eqsr::EQSR_ABI
