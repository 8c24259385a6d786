// SPDX-License-Identifier: Apache-2.0
// Prepares the pictures of the README; make.sh calls it.
//
//   panel shrink IN OUT WIDTH HEIGHT           a small version, low-pass filtered
//   panel compare LOW HIGH OUT X Y SIZE        a square of HIGH beside the same from LOW, enlarged
//                                              by repeating pixels and by bicubic interpolation
#include <eqsr/io/image.hpp>

#include <cmath>
#include <cstdio>
#include <string>

namespace {

/// The cubic convolution kernel with a = -0.5.
double cubic(double x) {
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

/// Resamples the rows (across = false) or columns; the kernel widens when it shrinks.
eqsr::Image resample(const eqsr::Image& in, int size, bool across) {
  const int from = across ? in.width : in.height;
  eqsr::Image out = eqsr::blank_image(across ? in.height : size, across ? size : in.width);
  const double step = double(from) / size, wide = std::max(1.0, step);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const double at = ((across ? x : y) + 0.5) * step - 0.5;
      double sum[3]{}, weights = 0;
      for (int k = int(std::ceil(at - 2 * wide)); k <= int(std::floor(at + 2 * wide)); ++k) {
        const double weight = cubic((k - at) / wide);
        const int i = std::clamp(k, 0, from - 1);
        const int row = across ? y : i, column = across ? i : x;
        for (int c = 0; c < 3; ++c)
          sum[c] += weight * double(in.pixels[std::size_t((row * in.width + column) * 3 + c)]);
        weights += weight;
      }
      for (int c = 0; c < 3; ++c)
        out.pixels[std::size_t((y * out.width + x) * 3 + c)] = float(sum[c] / weights);
    }
  return out;
}

eqsr::Image nearest(const eqsr::Image& in, int height, int width) {
  eqsr::Image out = eqsr::blank_image(height, width);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        out.pixels[std::size_t((y * width + x) * 3 + c)] = in.pixels[std::size_t(
            (y * in.height / height * in.width + x * in.width / width) * 3 + c)];
  return out;
}

void paste(const eqsr::Image& from, int x, int y, int size, eqsr::Image& to, int at) {
  for (int row = 0; row < size; ++row)
    std::copy_n(&from.pixels[std::size_t(((y + row) * from.width + x) * 3)], size * 3,
                &to.pixels[std::size_t((row * to.width + at) * 3)]);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "shrink" && argc == 6) {
    const eqsr::Image in = eqsr::read_image(argv[2]);
    eqsr::write_image(argv[3],
                      resample(resample(in, std::stoi(argv[4]), true), std::stoi(argv[5]), false));
    return 0;
  }
  if (mode == "compare" && argc == 8) {
    const eqsr::Image low = eqsr::read_image(argv[2]), high = eqsr::read_image(argv[3]);
    const int x = std::stoi(argv[5]), y = std::stoi(argv[6]), size = std::stoi(argv[7]), gap = 6;
    eqsr::Image panel = eqsr::blank_image(size, 3 * size + 2 * gap);
    for (float& value : panel.pixels) value = 1;
    paste(nearest(low, high.height, high.width), x, y, size, panel, 0);
    paste(resample(resample(low, high.width, true), high.height, false), x, y, size, panel,
          size + gap);
    paste(high, x, y, size, panel, 2 * (size + gap));
    eqsr::write_image(argv[4], panel);
    return 0;
  }
  std::fputs("panel shrink IN OUT WIDTH HEIGHT | panel compare LOW HIGH OUT X Y SIZE\n", stderr);
  return 2;
}
