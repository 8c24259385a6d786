// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

TEST_CASE("overlapping attention: the table's index wraps") {
  CHECK(eqsr::overlapping_bias_index(0, 0, 16, 24) == 1521 - 7 * 39 - 7);
  CHECK(eqsr::overlapping_bias_index(7, 7, 16, 24) == 0);
  CHECK(eqsr::overlapping_bias_index(7, 6, 16, 24) == 1520);
  CHECK(eqsr::overlapping_bias_index(23, 23, 16, 24) == 16 * 39 + 16);
  CHECK(eqsr::overlapping_bias_index(-15, -15, 16, 24) == 1521 - 22 * 39 - 22);
  std::vector<int> seen(1521);
  for (int dy = -15; dy <= 23; ++dy)
    for (int dx = -15; dx <= 23; ++dx)
      ++seen[std::size_t(eqsr::overlapping_bias_index(dy, dx, 16, 24))];
  CHECK(seen == std::vector<int>(1521, 1));  // every offset has its own row
}

TEST_CASE_TEMPLATE("overlapping attention: by hand", Ctx, EQSR_CONTEXTS) {
  eqsr::OverlappingAttention<1, 1, 2, 4, Cpu> layer;
  set(layer.qkv.weight, {0, 0, 1});
  set(layer.proj.weight, {1});
  const Map<1> x(2, 4, {16, 32, 48, 64, 80, 96, 112, 128});
  Map<1> y(2, 4);
  Ctx ctx;
  SUBCASE("keys outside the image are zeros that count") {
    layer.forward(ctx, x.in(), y.out());
    const float left = (16 + 32 + 48 + 80 + 96 + 112) / 16.0f;
    const float right = (32 + 48 + 64 + 96 + 112 + 128) / 16.0f;
    CHECK(near(y.values, {left, left, right, right, left, left, right, right}, 1e-4));
  }
  SUBCASE("also without the projection's bias") {
    set(layer.qkv.bias, {0, 0, 160});
    layer.forward(ctx, x.in(), y.out());
    const float left = (16 + 32 + 48 + 80 + 96 + 112 + 6 * 160) / 16.0f;
    CHECK(y(0, 0, 0) == doctest::Approx(left));
  }
  SUBCASE("the table picks a key") {
    // The key two below and one right of the query's own place in its window of keys: one row
    // below it in the image, and in its column.
    layer.relative_position_bias_table(eqsr::overlapping_bias_index(2, 1, 2, 4), 0) = 50;
    layer.forward(ctx, x.in(), y.out(), {.residual = x.in_rows()});
    CHECK(near({y(0, 0, 0), y(0, 1, 0), y(0, 3, 0), y(1, 0, 0)},
               {16 + 80, 32 + 96, 64 + 128, 80 + 0}, 1e-3));
  }
}

namespace {
template <int C, int Heads, int Window, int KeyWindow>
void compare_overlapping_attention() {
  CAPTURE(C);
  CAPTURE(Window);
  CAPTURE(KeyWindow);
  eqsr::OverlappingAttention<C, Heads, Window, KeyWindow, Cpu> layer;
  fill(layer, "ocab.");
  constexpr Index sizes[][2] = {{1, 1}, {1, 3}, {2, 1}, {3, 2}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    CAPTURE(h);
    CAPTURE(w);
    const Map<C> x(h * Window, w * Window, "ocab.input");
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y = x;
      layer.forward(ctx, x.in(), y.out(), {.residual = y.in_rows()});
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("overlapping attention: the CPU agrees for awkward windows and heads") {
  compare_overlapping_attention<10, 2, 2, 2>();
  compare_overlapping_attention<10, 2, 2, 6>();
  compare_overlapping_attention<12, 4, 6, 8>();
  compare_overlapping_attention<24, 2, 8, 12>();
  compare_overlapping_attention<48, 4, 8, 12>();
  compare_overlapping_attention<60, 2, 4, 6>();
}

TEST_CASE("overlapping attention: the CPU agrees for the published heads and windows") {
  eqsr::OverlappingAttention<180, 6, 16, 24, Cpu> layer;
  fill(layer, "ocab.");
  const Map<180> x(16, 32, "ocab.input");
  CHECK(on_cpu([&](auto& ctx) {
    Map<180> y(16, 32);
    layer.forward(ctx, x.in(), y.out());
    return y.values;
  }));
}

TEST_CASE_TEMPLATE("overlapping attention: a plane that is no multiple is refused", Ctx,
                   EQSR_CONTEXTS) {
  const eqsr::OverlappingAttention<4, 2, 8, 12, Cpu> layer;
  const Map<4> x(9, 8);
  Map<4> y(9, 8);
  Ctx ctx;
  CHECK(error_of([&] { layer.forward(ctx, x.in(), y.out()); }) ==
        "shape_mismatch: OverlappingAttention: a plane of 9 x 8 does not divide into windows of "
        "8. Pad it by reflection to multiples of the window.");
}
