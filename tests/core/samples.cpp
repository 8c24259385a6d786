// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <eqsr/core/samples.hpp>

#include <cstdint>
#include <vector>

#include "support/compare.hpp"
#include "support/module.hpp"

using namespace eqsr_test;

namespace {
template <class Sample>
std::vector<int> rounded(const std::vector<float>& values) {
  std::vector<Sample> samples(values.size());
  eqsr::to_samples(values.data(), values.size(), samples.data());
  return {samples.begin(), samples.end()};
}
}  // namespace

TEST_CASE("samples: clamped, rounded to nearest, ties to even") {
  const std::vector<float> values{-1, 0, 0.5f / 255, 1.5f / 255, 0.999f, 1, 7};
  CHECK(rounded<std::uint8_t>(values) == std::vector<int>{0, 0, 0, 2, 255, 255, 255});
  CHECK(rounded<std::uint16_t>({-1, 0, 1, 2, 0.5f}) == std::vector<int>{0, 0, 65535, 65535, 32768});
}

TEST_CASE("samples: every sample comes back") {
  std::vector<float> values;
  std::vector<int> all;
  for (int i = 0; i < 65536; ++i) {
    values.push_back(eqsr::to_float(static_cast<std::uint16_t>(i)));
    all.push_back(i);
  }
  CHECK(rounded<std::uint16_t>(values) == all);
  CHECK(eqsr::to_float(std::uint8_t{51}) == 0.2f);
}

TEST_CASE("samples: what is not finite is refused") {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    CHECK(error_of([&] { (void)rounded<std::uint8_t>({0, bad}); }).starts_with("nonfinite_output"));
}

TEST_CASE("samples: luma by hand, and that of a grey is the grey") {
  const float red[3] = {1, 0, 0}, green[3] = {0, 1, 0}, blue[3] = {0, 0, 1};
  CHECK(eqsr::luma(red) == 0.299f);
  CHECK(eqsr::luma(green) == 0.587f);
  CHECK(eqsr::luma(blue) == 0.114f);
  for (int i = -300; i < 65536; i += 7) {
    const float grey = float(i) / 65535;
    const float rgb[3] = {grey, grey, grey};
    CHECK(eqsr::luma(rgb) == grey);
  }
}

TEST_CASE("samples: an image to grey") {
  const eqsr::Image rgb{1, 2, 3, {1, 0, 0, 0.25f, 0.25f, 0.25f}};
  const eqsr::Image grey = eqsr::grey_image(rgb);
  CHECK(grey.height == 1);
  CHECK(grey.width == 2);
  CHECK(grey.channels == 1);
  CHECK(same_bits(grey.pixels, {0.299f, 0.25f}));
  const eqsr::Image rgba{1, 1, 4, {1, 0, 0, 0.5f}};
  CHECK(eqsr::grey_image(rgba).channels == 2);
  CHECK(same_bits(eqsr::grey_image(rgba).pixels, {0.299f, 0.5f}));
  CHECK(error_of([&] { (void)eqsr::grey_image(grey); }).starts_with("bad_argument: An image of 1"));
}
