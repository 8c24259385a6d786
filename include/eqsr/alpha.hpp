// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/bicubic.hpp>  // cubic_taps
#include <eqsr/upscale.hpp>        // upscale

#include <algorithm>  // clamp
#include <vector>     // vector

/// Pictures with transparency. The network knows RGB only: colours are multiplied by alpha before
/// it, so that what lies under transparent pixels does not bleed into the edges, and divided by the
/// enlarged alpha behind it.
namespace eqsr { inline namespace EQSR_ABI {

/// What becomes of the alpha channel.
enum class Alpha {
  network,  ///< enlarged by the network, as a grey picture: sharp edges, twice the time
  bicubic,  ///< interpolated
  drop,     ///< the result is opaque
};

namespace detail {

/// Calls `f(four values of the image, three of the result)` for each pixel.
template <class F>
Image rgb_of(const Image& rgba, F&& f) {
  Image rgb = blank_image(rgba.height, rgba.width);
  const float* in = rgba.pixels.data();
  for (std::size_t i = 0; i < rgb.pixels.size(); i += 3, in += 4) f(in, &rgb.pixels[i]);
  return rgb;
}

inline void expect_rgba(const Image& image) {
  EQSR_EXPECTS(image.channels == 4 &&
                   image.pixels.size() == std::size_t(image.height) * std::size_t(image.width) * 4,
               "bad_argument", "An image of ", image.height, " x ", image.width, " x ",
               image.channels, " with ", image.pixels.size(),
               " values is no RGBA image. read_picture gives one for files with alpha.");
}

inline std::vector<float> bicubic_alpha(const Image& rgba, Size size) {
  const auto width = static_cast<std::size_t>(rgba.width);
  std::vector<float> alpha;
  std::vector<double> row(width);
  alpha.reserve(std::size_t(size.height) * std::size_t(size.width));
  for (Index y = 0; y < size.height; ++y) {
    const CubicTaps down = cubic_taps(y, size.height, rgba.height);
    std::fill(row.begin(), row.end(), 0.0);
    for (std::size_t k = 0; k < 4; ++k) {
      const float* in = &rgba.pixels[static_cast<std::size_t>(down.source[k]) * width * 4 + 3];
      for (std::size_t x = 0; x < width; ++x) row[x] += down.weight[k] * double(in[4 * x]);
    }
    for (Index x = 0; x < size.width; ++x) {
      const CubicTaps across = cubic_taps(x, size.width, rgba.width);
      double sum = 0;
      for (std::size_t k = 0; k < 4; ++k)
        sum += across.weight[k] * row[static_cast<std::size_t>(across.source[k])];
      alpha.push_back(static_cast<float>(sum));
    }
  }
  return alpha;
}

}  // namespace detail

/// The colours of an RGBA image multiplied by its alpha: what the network is given.
inline Image premultiplied(const Image& rgba) {
  detail::expect_rgba(rgba);
  return detail::rgb_of(rgba, [](const float* in, float* out) {
    for (int c = 0; c < 3; ++c) out[c] = in[c] * in[3];
  });
}

/// The colours as they are, alpha left out.
inline Image opaque(const Image& rgba) {
  detail::expect_rgba(rgba);
  return detail::rgb_of(rgba, [](const float* in, float* out) { std::copy_n(in, 3, out); });
}

/// The image over a white ground, for formats without alpha.
inline Image over_white(const Image& rgba) {
  detail::expect_rgba(rgba);
  return detail::rgb_of(rgba, [](const float* in, float* out) {
    for (int c = 0; c < 3; ++c) out[c] = in[c] * in[3] + (1 - in[3]);
  });
}

/// The alpha channel of the result, in [0,1], height x width. `beside` as for plan_upscale_rows.
template <AnyContext C, Network N>
std::vector<float> upscale_alpha(C& ctx, const N& net, const Image& rgba, const Target& target,
                                 Alpha how, std::size_t beside = 0) {
  detail::expect_rgba(rgba);
  const Size size = resolve(target, rgba.height, rgba.width);
  bool transparent = false;
  for (std::size_t i = 3; i < rgba.pixels.size(); i += 4)
    transparent = transparent || rgba.pixels[i] != 1.0f;
  std::vector<float> alpha;
  if (!transparent || how == Alpha::drop) {
    alpha.assign(std::size_t(size.height) * std::size_t(size.width), 1.0f);
  } else if (how == Alpha::bicubic) {
    alpha = detail::bicubic_alpha(rgba, size);
  } else {
    alpha.reserve(std::size_t(size.height) * std::size_t(size.width));
    upscale_rows(
        ctx, net,
        detail::rgb_of(rgba, [](const float* in, float* out) { std::fill_n(out, 3, in[3]); }),
        target,
        [&](Index, Plane<float, 3> rows) {
          for (const float* grey = rows.data(); grey < rows.data() + rows.size(); grey += 3)
            alpha.push_back((grey[0] + grey[1] + grey[2]) / 3);
        },
        {}, beside);
  }
  for (float& value : alpha) value = std::clamp(value, 0.0f, 1.0f);
  return alpha;
}

/// One row of the result: colours divided by alpha, which keeps them in [0,1].
inline void unpremultiply_row(const float* rgb, const float* alpha, int width, float* rgba) {
  for (int x = 0; x < width; ++x, rgb += 3, ++alpha, rgba += 4) {
    for (int c = 0; c < 3; ++c)
      rgba[c] = *alpha > 0 ? std::clamp(rgb[c] / *alpha, 0.0f, 1.0f) : 0.0f;
    rgba[3] = *alpha;
  }
}

/// Enlarges an RGB or RGBA image; the result has alpha if the image has and `how` is not drop.
/// Colours of a result with alpha are clamped to [0,1]; else as the upscale of RGB.
template <AnyContext C, Network N>
Image upscale(C& ctx, const N& net, const Image& image, const Target& target, Alpha how) {
  if (image.channels != 4) return upscale(ctx, net, image, target);
  if (how == Alpha::drop) return upscale(ctx, net, opaque(image), target);
  const std::vector<float> alpha = upscale_alpha(ctx, net, image, target, how);
  const Image rgb = upscale(ctx, net, premultiplied(image), target);
  Image result = blank_image(rgb.height, rgb.width, 4);
  for (std::size_t y = 0, width = std::size_t(rgb.width); y < std::size_t(rgb.height); ++y)
    unpremultiply_row(&rgb.pixels[y * width * 3], &alpha[y * width], rgb.width,
                      &result.pixels[y * width * 4]);
  return result;
}

}}  // namespace eqsr::EQSR_ABI
