// SPDX-License-Identifier: Apache-2.0
// PSNR, SSIM, and the sizes and borders of the protocols.
#include <eqsr/io/image.hpp>

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "evaluate/protocol.hpp"

namespace {

const tool::Protocol& named(const std::string& name) {
  for (const tool::Protocol& protocol : tool::protocols())
    if (protocol.name == name) return protocol;
  throw std::runtime_error("there is no protocol " + name);
}

eqsr::Image flat(float r, float g, float b) {
  eqsr::Image image = eqsr::blank_image(12, 14);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    image.pixels[i] = r;
    image.pixels[i + 1] = g;
    image.pixels[i + 2] = b;
  }
  return image;
}

}  // namespace

TEST_CASE("PSNR and SSIM are those of a computation window by window") {
  const eqsr::Image photo = eqsr::read_image(EQSR_TEST_DATA "/../examples/photo.png");
  const tool::Bytes low =
      tool::bytes_of(eqsr::read_image(EQSR_TEST_DATA "/evaluate/pillow_photo_65x43.png"));
  const eqsr::Image high = tool::image_of(tool::resample(low, 160, 240, tool::Filter::pillow));
  std::ifstream file(EQSR_TEST_DATA "/evaluate/quality.txt");
  tool::Quality wanted;
  file >> wanted.psnr_y >> wanted.ssim_y >> wanted.psnr_rgb >> wanted.ssim_rgb;
  REQUIRE(file.good());
  const tool::Quality ours = tool::compare(photo, high, {5, 3}, false);
  CHECK(ours.psnr_y == doctest::Approx(wanted.psnr_y).epsilon(1e-6));
  CHECK(ours.ssim_y == doctest::Approx(wanted.ssim_y).epsilon(1e-6));
  CHECK(ours.psnr_rgb == doctest::Approx(wanted.psnr_rgb).epsilon(1e-6));
  CHECK(ours.ssim_rgb == doctest::Approx(wanted.ssim_rgb).epsilon(1e-6));
}

TEST_CASE("PSNR of known errors") {
  const float level = 1 / 255.0f;  // every sample one level off: 20 log10 255
  const tool::Quality one = tool::compare(flat(0.5f, 0.5f, 0.5f),
                                          flat(0.5f + level, 0.5f + level, 0.5f + level), {}, true);
  CHECK(one.psnr_rgb == doctest::Approx(48.1308).epsilon(1e-5));
  CHECK(one.psnr_y == doctest::Approx(48.1308).epsilon(1e-5));
  const tool::Quality coloured = tool::compare(
      flat(0.5f, 0.5f, 0.5f), flat(0.5f + level, 0.5f + level, 0.5f + level), {}, false);
  CHECK(coloured.psnr_y - one.psnr_y == doctest::Approx(20 * std::log10(255 / 219.0)));
  const tool::Quality same = tool::compare(flat(0, 1, 0), flat(0, 1, 0), {}, false);
  CHECK(std::isinf(same.psnr_y));
  CHECK(same.ssim_rgb == doctest::Approx(1));
}

TEST_CASE("the truth is the input's size times the scale, ties to even") {
  const tool::Bytes picture = tool::blank_bytes(45, 37);
  const auto sizes = [&](double y, double x) {
    const tool::Case made = tool::make_case(picture, {y, x, "?"}, tool::Filter::pillow);
    return std::array{made.low.height, made.low.width, made.truth.height, made.truth.width};
  };
  CHECK(sizes(2, 2) == std::array{22, 18, 44, 36});
  CHECK(sizes(2.5, 2.5) == std::array{18, 14, 45, 35});
  CHECK(sizes(1.5, 3.5) == std::array{30, 10, 45, 35});
  CHECK(sizes(4.1, 3.7) == std::array{10, 10, 41, 37});
  CHECK(sizes(2.7, 2.5) == std::array{16, 14, 43, 35});
  CHECK(tool::make_case(tool::blank_bytes(38, 33), {2.5, 2.5, "?"}, tool::Filter::pillow)
            .truth.height == 38);  // 15 x 2.5 = 37.5
  CHECK(tool::make_case(tool::blank_bytes(43, 33), {2.5, 2.5, "?"}, tool::Filter::pillow)
            .truth.height == 42);  // 17 x 2.5 = 42.5
  CHECK_THROWS_AS(tool::make_case(picture, {38, 38, "38"}, tool::Filter::pillow), eqsr::Error);
}

TEST_CASE("borders and filters of the protocols") {
  const tool::Scale two{2, 2, "2"}, fraction{2.5, 2.5, "2.5"}, six{6, 6, "6"}, eight{8, 8, "8"};
  const auto border = [](const std::string& name, const tool::Scale& scale) {
    return named(name).border_for(scale).y;
  };
  CHECK(border("basicsr", two) == 2);
  CHECK(border("basicsr", fraction) == 3);
  CHECK(border("liif", six) == 6);
  CHECK(border("liif-div2k", two) == 8);
  CHECK(border("eqsr", two) == 4);
  CHECK(border("eqsr", six) == 6);
  CHECK(border("eqsr", eight) == 10);
  CHECK(named("basicsr").filter_for(fraction) == tool::Filter::matlab);
  CHECK(named("eqsr").filter_for(two) == tool::Filter::matlab);
  CHECK(named("eqsr").filter_for(fraction) == tool::Filter::pillow);
  CHECK(named("liif").filter_for({2, 3, "3x2"}) == tool::Filter::pillow);
  CHECK(named("liif").border_for({2, 3, "3x2"}).x == 3);
  CHECK(!named("liif").rounds);
}
