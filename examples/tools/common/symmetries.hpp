// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/image.hpp>

namespace tool {

/// The mean over the eight symmetries of the square, each undone behind the network. `enlarge`
/// takes a turned image and the size that its result is to have; `image` becomes `size` in the end.
template <class Enlarge>
eqsr::Image mean_of_symmetries(const eqsr::Image& image, eqsr::Size size, Enlarge enlarge) {
  eqsr::Image sum = eqsr::blank_image(size.height, size.width, image.channels);
  for (int way = 1; way <= 8; ++way) {  // as Exif numbers them
    const eqsr::Size turned = way < 5 ? size : eqsr::Size{size.width, size.height};
    const eqsr::Image high = enlarge(eqsr::upright(image, way), turned);
    const eqsr::Image one = eqsr::upright(high, way == 6 ? 8 : way == 8 ? 6 : way);
    for (std::size_t i = 0; i < sum.pixels.size(); ++i) sum.pixels[i] += one.pixels[i] / 8;
  }
  return sum;
}

}  // namespace tool
