// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/image.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

/// PSNR and SSIM as the field's test scripts compute them, on planes of numbers from 0 to 255.
namespace tool {

/// One channel.
struct Channel {
  int height = 0, width = 0;
  std::vector<double> values{};
  [[nodiscard]] double at(int y, int x) const {
    return values[std::size_t(y) * std::size_t(width) + std::size_t(x)];
  }
};

/// How many pixels of the border do not count, on each axis.
struct Border {
  int y = 0, x = 0;
};

/// Channel c of an image in [0,1] without its border, times 255.
inline Channel channel(const eqsr::Image& image, int c, Border border) {
  Channel out{image.height - 2 * border.y, image.width - 2 * border.x, {}};
  out.values.reserve(std::size_t(out.height) * std::size_t(out.width));
  for (int y = border.y; y < image.height - border.y; ++y)
    for (int x = border.x; x < image.width - border.x; ++x)
      out.values.push_back(
          255.0 *
          double(image.pixels[(std::size_t(y) * std::size_t(image.width) + std::size_t(x)) * 3 +
                              std::size_t(c)]));
  return out;
}

/// Y of BT.601, not rounded: as MATLAB's rgb2ycbcr has it, 16 to 235, or of full range.
inline Channel luma(const std::array<Channel, 3>& rgb, bool full_range) {
  const double offset = full_range ? 0 : 16, range = full_range ? 219 : 255;
  Channel y = rgb[0];
  for (std::size_t i = 0; i < y.values.size(); ++i)
    y.values[i] = offset + (65.481 * rgb[0].values[i] + 128.553 * rgb[1].values[i] +
                            24.966 * rgb[2].values[i]) /
                               range;
  return y;
}

inline double squared_error(const Channel& a, const Channel& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double d = a.values[i] - b.values[i];
    sum += d * d;
  }
  return sum / double(a.values.size());
}

/// 10 log10(255^2 / error); infinite for equal pictures.
inline double decibels(double error) {
  return error > 0 ? 10 * std::log10(255.0 * 255.0 / error)
                   : std::numeric_limits<double>::infinity();
}

inline constexpr int ssim_window = 11;

/// Correlation with the window's Gaussian (sigma 1.5), where it lies inside.
inline Channel blurred(const Channel& from) {
  std::array<double, ssim_window> g{};
  double sum = 0;
  for (int i = 0; i < ssim_window; ++i)
    sum += g[std::size_t(i)] = std::exp(-(i - 5) * (i - 5) / (2 * 1.5 * 1.5));
  Channel wide{from.height, from.width - ssim_window + 1, {}};
  for (int y = 0; y < wide.height; ++y)
    for (int x = 0; x < wide.width; ++x) {
      double v = 0;
      for (int k = 0; k < ssim_window; ++k) v += g[std::size_t(k)] / sum * from.at(y, x + k);
      wide.values.push_back(v);
    }
  Channel out{from.height - ssim_window + 1, wide.width, {}};
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      double v = 0;
      for (int k = 0; k < ssim_window; ++k) v += g[std::size_t(k)] / sum * wide.at(y + k, x);
      out.values.push_back(v);
    }
  return out;
}

/// Mean structural similarity (Wang et al. 2004): Gaussian window of 11, K1 = 0.01, K2 = 0.03.
inline double ssim(const Channel& a, const Channel& b) {
  Channel aa = a, bb = b, ab = a;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    aa.values[i] *= a.values[i];
    bb.values[i] *= b.values[i];
    ab.values[i] *= b.values[i];
  }
  const Channel ma = blurred(a), mb = blurred(b);
  const Channel saa = blurred(aa), sbb = blurred(bb), sab = blurred(ab);
  const double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
  double sum = 0;
  for (std::size_t i = 0; i < ma.values.size(); ++i) {
    const double x = ma.values[i], y = mb.values[i];
    const double xx = saa.values[i] - x * x, yy = sbb.values[i] - y * y;
    const double xy = sab.values[i] - x * y;
    sum += (2 * x * y + c1) * (2 * xy + c2) / ((x * x + y * y + c1) * (xx + yy + c2));
  }
  return sum / double(ma.values.size());
}

struct Quality {
  double psnr_y = 0, ssim_y = 0, psnr_rgb = 0, ssim_rgb = 0;
};

/// Compares two images in [0,1] of one size.
inline Quality compare(const eqsr::Image& a, const eqsr::Image& b, Border border, bool full_range) {
  std::array<Channel, 3> x, y;
  double error = 0, similarity = 0;
  for (int c = 0; c < 3; ++c) {
    const auto i = std::size_t(c);
    x[i] = channel(a, c, border);
    y[i] = channel(b, c, border);
    error += squared_error(x[i], y[i]) / 3;
    similarity += ssim(x[i], y[i]) / 3;
  }
  const Channel lx = luma(x, full_range), ly = luma(y, full_range);
  return {decibels(squared_error(lx, ly)), ssim(lx, ly), decibels(error), similarity};
}

}  // namespace tool
