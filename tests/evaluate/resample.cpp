// SPDX-License-Identifier: Apache-2.0
// The filters that make evaluation data against stored results of their models.
#include <eqsr/io/image.hpp>

#include <doctest/doctest.h>

#include <string>

#include "evaluate/resample.hpp"

namespace {

tool::Bytes read(const std::string& name) {
  return tool::bytes_of(eqsr::read_image(EQSR_TEST_DATA "/" + name));
}

int differing(const tool::Bytes& a, const tool::Bytes& b) {
  REQUIRE(a.height == b.height);
  REQUIRE(a.width == b.width);
  int count = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) count += int{a.pixels[i] != b.pixels[i]};
  return count;
}

struct Stored {
  const char* from;
  int height, width;
};
constexpr Stored stored[] = {{"photo", 80, 120}, {"photo", 43, 65}, {"noise", 7, 12},
                             {"noise", 61, 53},  {"noise", 34, 9},  {"noise", 1, 1}};

}  // namespace

TEST_CASE("both filters make the stored pictures, pixel by pixel") {
  const tool::Bytes photo = read("../examples/photo.png"), noise = read("evaluate/noise.png");
  for (const Stored& wanted : stored) {
    const bool is_photo = std::string(wanted.from) == "photo";
    const std::string end = "_" + std::string(wanted.from) + "_" + std::to_string(wanted.width) +
                            "x" + std::to_string(wanted.height) + ".png";
    CAPTURE(end);
    for (const tool::Filter filter : {tool::Filter::matlab, tool::Filter::pillow}) {
      const std::string name = filter == tool::Filter::matlab ? "matlab" : "pillow";
      CAPTURE(name);
      const tool::Bytes ours =
          tool::resample(is_photo ? photo : noise, wanted.height, wanted.width, filter);
      CHECK(differing(ours, read("evaluate/" + name + end)) == 0);
    }
  }
}

TEST_CASE("a picture of one colour keeps it, and its own size changes nothing") {
  tool::Bytes flat = tool::blank_bytes(13, 9);
  for (std::uint8_t& value : flat.pixels) value = 201;
  const tool::Bytes noise = read("evaluate/noise.png");
  for (const tool::Filter filter : {tool::Filter::matlab, tool::Filter::pillow}) {
    for (const auto& [h, w] : {std::pair(4, 3), std::pair(40, 31), std::pair(13, 1)})
      for (const std::uint8_t value : tool::resample(flat, h, w, filter).pixels)
        CHECK(int{value} == 201);
    CHECK(differing(tool::resample(noise, noise.height, noise.width, filter), noise) == 0);
  }
}
