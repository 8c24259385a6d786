// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

namespace {
constexpr eqsr::Config shapes_config{
    .channels = 12, .depths = {3, 2}, .heads = 2, .window = 4, .latent = 16, .frequencies = 6};

constexpr eqsr::Config with(eqsr::Conditioning conditioning, eqsr::ImageSkip skip,
                            int frequencies) {
  eqsr::Config config = shapes_config;
  config.conditioning = conditioning;
  config.image_skip = skip;
  config.frequencies = frequencies;
  return config;
}

struct Sizes {
  Index h, w, H, W;
};

template <eqsr::Config config>
void compare_shapes(const std::vector<Sizes>& list) {
  eqsr::Net<config, Cpu> net;
  fill(net);
  for (const auto& s : list) {
    CAPTURE(s.h);
    CAPTURE(s.w);
    CAPTURE(s.H);
    CAPTURE(s.W);
    const Map<3> x = image_map("input", s.h, s.w);
    CHECK(on_cpu(
        [&](auto& ctx) {
          Map<3> y(s.H, s.W);
          net.forward(ctx, x.in(), y.out());
          return y.values;
        },
        5e-5));  // of values up to ten
  }
}
}  // namespace

TEST_CASE("net: images of any size, enlarged and shrunk by any factor") {
  compare_shapes<shapes_config>({
      {1, 1, 1, 1},    // the smallest there is
      {1, 1, 7, 3},    // one pixel to many
      {1, 9, 3, 20},   // one row
      {9, 1, 20, 2},   // one column
      {2, 3, 5, 7},    // smaller than a window, reflected more than once
      {4, 4, 8, 8},    // one window
      {5, 7, 13, 9},   // no multiple, two factors
      {8, 12, 4, 6},   // half the size
      {9, 8, 2, 33},   // smaller one way, larger the other
      {3, 17, 1, 1},   // down to one pixel
      {13, 6, 13, 6},  // the same size
  });
}

TEST_CASE("net: conditioning by the scale") {
  compare_shapes<with(eqsr::Conditioning::scale, eqsr::ImageSkip::none, 6)>(
      {{5, 7, 13, 9}, {8, 8, 4, 4}, {6, 5, 24, 20}});
}

TEST_CASE("net: added to the interpolated input") {
  compare_shapes<with(eqsr::Conditioning::scale, eqsr::ImageSkip::bicubic, 6)>(
      {{1, 1, 3, 4}, {5, 7, 13, 9}, {8, 8, 4, 4}, {6, 5, 24, 20}});
}

TEST_CASE("net: any number of frequencies") {
  compare_shapes<with(eqsr::Conditioning::target_height, eqsr::ImageSkip::none, 0)>(
      {{5, 7, 13, 9}});
  compare_shapes<with(eqsr::Conditioning::scale, eqsr::ImageSkip::bicubic, 1)>({{5, 7, 13, 9}});
  compare_shapes<with(eqsr::Conditioning::scale, eqsr::ImageSkip::none, 60)>({{5, 7, 13, 9}});
}

TEST_CASE("net: the shipped configuration") { compare_shapes<eqsr::lite>({{9, 13, 20, 31}}); }

TEST_CASE_TEMPLATE("net: without weights the result is the mean, or the interpolated input", Ctx,
                   EQSR_CONTEXTS) {
  Ctx ctx;
  const Map<3> x = image_map("input", 5, 7);
  Map<3> y(11, 13);
  SUBCASE("mean") {
    const eqsr::Net<shapes_config, Cpu> net;
    eqsr::Net<shapes_config, Cpu> zero = net;
    zero.upsampler.lengthscale() = 1;
    zero.forward(ctx, x.in(), y.out());
    for (Index m = 0; m < 11 * 13; ++m)
      for (int c = 0; c < 3; ++c)
        CHECK(y.values[std::size_t(3 * m + c)] == eqsr::image_mean[std::size_t(c)]);
  }
  SUBCASE("interpolated input") {
    eqsr::Net<with(eqsr::Conditioning::scale, eqsr::ImageSkip::bicubic, 6), Cpu> net;
    net.upsampler.lengthscale() = 1;
    net.forward(ctx, x.in(), y.out());
    Map<3> truth(11, 13, std::vector<float>(11 * 13 * 3, 0.0f));
    eqsr::launch<eqsr::op::Bicubic>(ctx, x.in(), truth.out(), 0, truth.h);
    CHECK(near(y.values, truth.values, 1e-6));
  }
}

TEST_CASE_TEMPLATE("net: a given condition replaces the one of the sizes", Ctx, EQSR_CONTEXTS) {
  eqsr::Net<shapes_config, Cpu> net;
  fill(net);
  Ctx ctx;
  const Map<3> x = image_map("input", 5, 7);
  Map<3> by_size(11, 13), same(11, 13), other(11, 13);
  net.forward(ctx, x.in(), by_size.out());
  net.forward(ctx, x.in(), same.out(), float(2.0 / 11));
  net.forward(ctx, x.in(), other.out(), 0.5f);
  CHECK(same_bits(by_size.values, same.values));
  CHECK(near(by_size.values, other.values, 100).max > 1e-3);
}
