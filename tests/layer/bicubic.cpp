// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;

namespace {
template <int C>
std::vector<float> interpolated(auto& ctx, const Map<C>& x, Index height, Index width) {
  Map<C> y(height, width, std::vector<float>(std::size_t(height * width * C), 0.0f));
  eqsr::launch<eqsr::op::Bicubic>(ctx, x.in(), y.out(), 0, y.h);
  return y.values;
}
}  // namespace

TEST_CASE("bicubic: taps by hand, kernel a = -0.75") {
  const eqsr::CubicTaps taps = eqsr::cubic_taps(3, 8, 4);  // position 1.25
  CHECK(taps.source == std::array<Index, 4>{0, 1, 2, 3});
  CHECK(taps.weight == std::array<double, 4>{-0.10546875, 0.87890625, 0.26171875, -0.03515625});
  const eqsr::CubicTaps edge = eqsr::cubic_taps(0, 8, 4);  // position -0.25
  CHECK(edge.source == std::array<Index, 4>{0, 0, 0, 1});
  CHECK(edge.weight == std::array<double, 4>{-0.03515625, 0.26171875, 0.87890625, -0.10546875});
  CHECK(eqsr::cubic_taps(7, 8, 4).source == std::array<Index, 4>{2, 3, 3, 3});
  CHECK(eqsr::cubic_taps(0, 5, 1).source == std::array<Index, 4>{0, 0, 0, 0});
}

TEST_CASE_TEMPLATE("bicubic: known interpolations", Ctx, EQSR_CONTEXTS) {
  Ctx ctx;
  SUBCASE("a row of four to eight") {
    const Map<1> x(1, 4, {0, 1, 10, 100});
    const auto y = interpolated(ctx, x, 1, 8);
    CHECK(y[3] == doctest::Approx(0.87890625 + 2.6171875 - 3.515625));
    CHECK(y[4] == doctest::Approx(0.26171875 + 8.7890625 - 10.546875));
    CHECK(y[0] == doctest::Approx(-0.10546875));
    CHECK(y[7] == doctest::Approx((0.87890625 + 0.26171875 - 0.03515625) * 100 - 1.0546875));
  }
  SUBCASE("constants stay, and are added to what is there") {
    const Map<3> x(5, 3, std::vector<float>(45, 0.25f));
    Map<3> y(11, 2, std::vector<float>(66, 1.0f));
    eqsr::launch<eqsr::op::Bicubic>(ctx, x.in(), y.out(), 0, y.h);
    CHECK(near(y.values, std::vector<float>(66, 1.25f), 1e-6));
  }
  SUBCASE("a ramp at half size is a ramp") {
    Map<1> x(8, 1);
    for (Index h = 0; h < 8; ++h) x(h, 0, 0) = float(h);
    const auto y = interpolated(ctx, x, 4, 1);
    CHECK(y[1] == doctest::Approx(2.5));
    CHECK(y[2] == doctest::Approx(4.5));
  }
  SUBCASE("the same size is the same picture") {
    const Map<3> x(9, 7, "bicubic.input");
    CHECK(near(interpolated(ctx, x, 9, 7), x.values, 5e-6));
  }
}

TEST_CASE("bicubic: the CPU agrees at awkward sizes") {
  constexpr Index sizes[][4] = {{1, 1, 5, 3},  {1, 7, 2, 33},  {7, 9, 15, 22},
                                {8, 8, 4, 40}, {20, 3, 53, 1}, {33, 31, 33, 30}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1], height = size[2], width = size[3];
    const Map<3> x(h, w, "bicubic.input");
    CHECK(on_cpu([&](auto& ctx) { return interpolated(ctx, x, height, width); }, 2e-6));
  }
}
