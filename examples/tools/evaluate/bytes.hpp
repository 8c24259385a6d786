// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>
#include <eqsr/io/image.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tool {

/// A picture of bytes, RGB, channels last: what evaluation data are.
struct Bytes {
  int height = 0, width = 0;
  std::vector<std::uint8_t> pixels{};  ///< (h, w, 3)

  [[nodiscard]] std::size_t at(int y, int x) const {
    return (std::size_t(y) * std::size_t(width) + std::size_t(x)) * 3;
  }
};

inline Bytes blank_bytes(int height, int width) {
  return {height, width, std::vector<std::uint8_t>(std::size_t(height) * std::size_t(width) * 3)};
}

/// Clamped and rounded to the nearest byte.
inline Bytes bytes_of(const eqsr::Image& image) {
  return {image.height, image.width, eqsr::to_bytes(image)};
}

inline eqsr::Image image_of(const Bytes& bytes) {
  eqsr::Image image = eqsr::blank_image(bytes.height, bytes.width);
  std::transform(bytes.pixels.begin(), bytes.pixels.end(), image.pixels.begin(),
                 [](std::uint8_t value) { return float(value) / 255; });
  return image;
}

/// The top left part.
inline Bytes cropped(const Bytes& from, int height, int width) {
  Bytes to = blank_bytes(height, width);
  for (int y = 0; y < height; ++y)
    std::copy_n(from.pixels.begin() + std::ptrdiff_t(from.at(y, 0)), std::size_t(width) * 3,
                to.pixels.begin() + std::ptrdiff_t(to.at(y, 0)));
  return to;
}

}  // namespace tool
