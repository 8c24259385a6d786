// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <eqsr/eqsr.hpp>

#include <thread>

#include "support/compare.hpp"
#include "support/meeting.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Context;
using eqsr::Cpu;
using eqsr::RowPart;
using eqsr::Storage;

namespace {
constexpr eqsr::Config parts_config{.channels = 8,
                                    .depths = {2},
                                    .heads = 2,
                                    .window = 4,
                                    .latent = 16,
                                    .frequencies = 4,
                                    .image_skip = eqsr::ImageSkip::bicubic};

std::vector<float> in_parts(const eqsr::Net<parts_config, Cpu>& net, const eqsr::Image& image,
                            Index H, Index W, int parts, Storage storage, int band_height) {
  std::vector<float> result(static_cast<std::size_t>(H * W * 3));
  Meeting meeting(parts);
  std::vector<std::thread> threads;
  for (int number = 0; number < parts; ++number)
    threads.emplace_back([&, number] {
      Context<Cpu> ctx(1 + number % 2);
      ctx.storage = storage;
      ctx.band_height = band_height;
      const RowPart part = meeting.part(H, number);
      Index next = part.begin;
      const eqsr::Target target{.height = int(H), .width = int(W)};
      const auto plan = eqsr::plan_upscale_rows(ctx, net, image.height, image.width, target, part);
      eqsr::upscale_rows(
          ctx, net, image, target,
          [&](Index y, eqsr::Plane<float, 3> rows) {
            REQUIRE(y == next);
            std::copy_n(rows.data(), rows.size(), &result[static_cast<std::size_t>(y * W * 3)]);
            next += rows.extent<'h'>();
          },
          part);
      CHECK(next == part.end);
      CHECK(ctx.arena().peak() <= plan.workspace);
    });
  for (std::thread& thread : threads) thread.join();
  return result;
}
}  // namespace

TEST_CASE("parts: several processes make the bits of one") {
  eqsr::Net<parts_config, Cpu> net;
  fill(net, "net.");
  eqsr::Image image = eqsr::blank_image(9, 11);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = float(i * 37 % 101) / 101.0f;
  const int sizes[][2] = {{37, 70}, {64, 33}, {7, 130}};  // odd heights; across tiles
  for (const auto& size : sizes) {
    const int H = size[0], W = size[1];
    CAPTURE(H);
    Context<Cpu> ctx(2);
    const auto whole = eqsr::upscale(ctx, net, image, {.height = H, .width = W});
    for (const int parts : {1, 2, 3})
      for (const Storage storage : {Storage::both, Storage::one, Storage::none})
        for (const int band_height : {0, 6}) {
          CAPTURE(parts);
          CAPTURE(int(storage));
          CAPTURE(band_height);
          CHECK(same_bits(in_parts(net, image, H, W, parts, storage, band_height), whole.pixels));
        }
  }
}

TEST_CASE("parts: all of an image, from even rows; others are refused") {
  for (const Index height : {1, 2, 7, 64, 1001})
    for (const int count : {1, 2, 3, 7}) {
      Index next = 0;
      for (int i = 0; i < count; ++i) {
        const RowPart part = eqsr::row_part(height, i, count);
        CHECK(part.begin == next);
        CHECK(part.begin % 2 == 0);
        if (count <= (height + 1) / 2) CHECK(part.end > part.begin);
        next = part.end;
      }
      CHECK(next == height);
    }
  const eqsr::Net<parts_config, Cpu> net;
  Context<Cpu> ctx(1);
  const eqsr::Image image = eqsr::blank_image(4, 4);
  for (const auto& [begin, end] : {std::pair(1, 4), {0, 3}, {4, 4}, {6, 10}, {-2, 2}})
    CHECK_THROWS_WITH_AS(eqsr::upscale_rows(ctx, net, image, {.scale = 2}, nullptr,
                                            {begin, end, [](auto, const auto&) {}}),
                         doctest::Contains("are no part of an image of 8"), eqsr::Error);
}
