// SPDX-License-Identifier: Apache-2.0
// Pixels as programs have them: no eqsr::Image in between, no copy of the result.
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

/// A bitmap as some graphics interfaces have it: BGRA, rows with a gap, the last row first.
struct Bitmap {
  int height, width;
  std::ptrdiff_t row_bytes = std::ptrdiff_t{width} * 4 + 12;
  std::vector<std::uint8_t> memory = std::vector<std::uint8_t>(std::size_t(row_bytes * height));

  std::uint8_t* upper_left() { return memory.data() + row_bytes * (height - 1); }
};

// [pixels]
/// Enlarges one bitmap into another; the scale is the ratio of their sizes.
void enlarge(eqsr::Context<eqsr::Cpu>& ctx, const eqsr::Net<eqsr::lite, eqsr::Cpu>& net,
             Bitmap& small, Bitmap& large) {
  const auto layout = [](const Bitmap& bitmap) {
    return eqsr::PixelLayout{.height = bitmap.height,
                             .width = bitmap.width,
                             .channels = 4,
                             .order = eqsr::Order::bgr,
                             .stride = -bitmap.row_bytes};
  };
  eqsr::upscale(ctx, net, eqsr::ConstPixels(small.upper_left(), layout(small)),
                eqsr::Pixels(large.upper_left(), layout(large)));
}
// [pixels]

}  // namespace

int main() {
  eqsr::Context<eqsr::Cpu> ctx;
  const auto net = eqsr::load<eqsr::lite>(ctx, "weights/eqsr-lite.safetensors");
  const eqsr::Image photo = eqsr::read_image("examples/photo.png");
  const std::vector<std::uint8_t> bytes = eqsr::to_bytes(photo);
  Bitmap small{40, 60}, large{100, 150};
  for (int y = 0; y < small.height; ++y)
    for (int x = 0; x < small.width; ++x) {
      const std::uint8_t* rgb = &bytes[std::size_t(y * photo.width + x) * 3];
      std::uint8_t* bgra = small.upper_left() - y * small.row_bytes + x * 4;
      for (int c = 0; c < 3; ++c) bgra[c] = rgb[2 - c];
      bgra[3] = 255;
    }
  enlarge(ctx, net, small, large);

  // The same by way of an image.
  eqsr::Image image = eqsr::blank_image(small.height, small.width);
  for (int y = 0; y < small.height; ++y)
    std::copy_n(&photo.pixels[std::size_t(y * photo.width) * 3], small.width * 3,
                &image.pixels[std::size_t(y * small.width) * 3]);
  const auto expected = eqsr::to_bytes(
      eqsr::upscale(ctx, net, image, {.height = large.height, .width = large.width}));
  int wrong = 0;
  for (int y = 0; y < large.height; ++y)
    for (int x = 0; x < large.width; ++x) {
      const std::uint8_t* bgra = large.upper_left() - y * large.row_bytes + x * 4;
      for (int c = 0; c < 3; ++c)
        wrong += bgra[2 - c] != expected[std::size_t(y * large.width + x) * 3 + std::size_t(c)];
      wrong += bgra[3] != 255;
    }
  std::printf("60 x 40 pixels became 150 x 100; %d samples differ from those of the image\n",
              wrong);
  return wrong == 0 ? 0 : 1;
}
