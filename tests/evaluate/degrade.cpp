// SPDX-License-Identifier: Apache-2.0
// Degradations of inputs: what they do to pictures whose result is known, and that they repeat.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "evaluate/degrade.hpp"

namespace {

tool::Bytes grey(int height, int width, int level) {
  tool::Bytes bytes = tool::blank_bytes(height, width);
  std::fill(bytes.pixels.begin(), bytes.pixels.end(), std::uint8_t(level));
  return bytes;
}

}  // namespace

TEST_CASE("blur is a Gaussian and keeps what is even") {
  CHECK(tool::blurred(grey(5, 7, 77), 1.3).pixels == grey(5, 7, 77).pixels);
  tool::Bytes point = grey(21, 21, 0);
  for (std::size_t c = 0; c < 3; ++c) point.pixels[point.at(10, 10) + c] = 255;
  const tool::Bytes wide = tool::blurred(point, 1.0);
  for (int y = 0; y < 21; ++y)
    for (int x = 0; x < 21; ++x) {
      const int square = (y - 10) * (y - 10) + (x - 10) * (x - 10);
      const double wanted = 255 * std::exp(-0.5 * square) / 6.283185307;
      CHECK(std::abs(wide.pixels[wide.at(y, x)] - wanted) <= 0.51);
    }
}

TEST_CASE("noise has its deviation, no mean, and a seed from names") {
  const std::uint64_t seed = tool::seed_of(1, "photo.png", "2");
  tool::Bytes a = grey(64, 64, 128), b = a, c = a;
  tool::add_noise(a, 5, seed);
  tool::add_noise(b, 5, seed);
  tool::add_noise(c, 5, tool::seed_of(1, "photo.png", "3"));
  CHECK(a.pixels == b.pixels);
  CHECK(a.pixels != c.pixels);
  double sum = 0, squares = 0;
  for (const std::uint8_t sample : a.pixels) {
    sum += sample - 128.0;
    squares += (sample - 128.0) * (sample - 128.0);
  }
  const double n = double(a.pixels.size());
  CHECK(std::abs(sum / n) < 0.2);
  CHECK(std::abs(std::sqrt(squares / n) - 5) < 0.2);
}

TEST_CASE("blur happens before the reduction, noise after it") {
  using Kind = tool::Degradation::Kind;
  tool::Case made{grey(24, 24, 90), grey(12, 12, 90)};
  for (int y = 0; y < 24; y += 2) made.truth.pixels[made.truth.at(y, 5)] = 250;
  const std::vector<tool::Degradation> both = {{Kind::blur, 1.5}, {Kind::noise, 4}};
  tool::Bytes wanted = tool::resample(tool::blurred(made.truth, 1.5), 12, 12, tool::Filter::matlab);
  tool::add_noise(wanted, 4, 9);
  CHECK(tool::degraded_input(made, tool::Filter::matlab, both, 9).pixels == wanted.pixels);
  CHECK(tool::degraded_input(made, tool::Filter::matlab, {}, 9).pixels == made.low.pixels);
}
