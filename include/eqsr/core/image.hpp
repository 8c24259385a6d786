// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <cstddef>  // size_t
#include <vector>   // vector

namespace eqsr { inline namespace EQSR_ABI {

/// A picture in memory: rows of pixels, channels last, RGB in [0,1] (upscaled ones may exceed it).
/// `read_image` and `write_image` are in <eqsr/io/image.hpp>; any other source of pixels is as
/// good.
struct Image {
  int height = 0;
  int width = 0;
  int channels = 3;
  std::vector<float> pixels{};  ///< (h, w, c): pixels[(y * width + x) * channels + c]
};

/// A black image.
inline Image blank_image(int height, int width, int channels = 3) {
  return {height, width, channels,
          std::vector<float>(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
                             static_cast<std::size_t>(channels))};
}

}}  // namespace eqsr::EQSR_ABI
