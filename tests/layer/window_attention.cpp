// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

TEST_CASE("window attention: regions of the rolled plane") {
  std::vector<int> regions;
  for (Index position = 0; position < 12; ++position)
    regions.push_back(eqsr::shift_region(position, 12, 4, 2));
  CHECK(regions == std::vector<int>{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2});
}

namespace {
/// One channel, one head, windows of 2 x 2, v = x, and no projections beside.
eqsr::WindowAttention<1, 1, 2, Cpu> one_channel(float q, float k) {
  eqsr::WindowAttention<1, 1, 2, Cpu> layer;
  set(layer.qkv.weight, {q, k, 1});
  set(layer.proj.weight, {1});
  return layer;
}
}  // namespace

TEST_CASE_TEMPLATE("window attention: by hand", Ctx, EQSR_CONTEXTS) {
  const Map<1> x(2, 4, {1, 2, 10, 20, 3, 6, 30, 60});
  Map<1> y(2, 4);
  Ctx ctx;
  SUBCASE("equal scores average a window") {
    one_channel(0, 0).forward(ctx, x.in(), 0, y.out());
    CHECK(near(y.values, {3, 3, 30, 30, 3, 3, 30, 30}, 1e-5));
  }
  SUBCASE("the residual is added") {
    one_channel(0, 0).forward(ctx, x.in(), 0, y.out(), {.residual = x.in_rows()});
    CHECK(near(y.values, {4, 5, 40, 50, 6, 9, 60, 90}, 1e-5));
  }
  SUBCASE("scores are products") {
    one_channel(1, 1).forward(ctx, x.in(), 0, y.out());
    const double e1 = std::exp(1.0), e2 = std::exp(2.0), e3 = std::exp(3.0), e6 = std::exp(6.0);
    CHECK(y(0, 0, 0) ==
          doctest::Approx((e1 + 2 * e2 + 3 * e3 + 6 * e6) / (e1 + e2 + e3 + e6)).epsilon(1e-6));
    CHECK(y(1, 3, 0) == doctest::Approx(60));  // one key far above the others
  }
  SUBCASE("the table biases by the offset from key to query") {
    auto layer = one_channel(0, 0);
    layer.relative_position_bias_table(1 * 3 + 2, 0) = 50;  // the query right of its key
    layer.forward(ctx, x.in(), 0, y.out());
    CHECK(near(y.values, {3, 1, 30, 10, 3, 3, 30, 30}, 1e-4));
  }
  SUBCASE("shifted windows do not mix what the roll joined") {
    // Rolled by (-1, -1): rows 1 | 0, columns 1 2 3 | 0. Window (rows 1 0, columns 1 2) and
    // window (rows 1 0, columns 3 0), cut into regions by the wrapped row and column.
    one_channel(0, 0).forward(ctx, x.in(), 1, y.out());
    CHECK(near(y.values, {1, 6, 6, 20, 3, 18, 18, 60}, 1e-4));
  }
}

namespace {
template <int C, int Heads, int Window>
void compare_window_attention() {
  CAPTURE(C);
  CAPTURE(Window);
  eqsr::WindowAttention<C, Heads, Window, Cpu> layer;
  fill(layer, "attn.");
  constexpr Index sizes[][2] = {{1, 1}, {1, 3}, {2, 1}, {3, 2}};
  for (const auto& size : sizes)
    for (const int shift : {0, Window / 2}) {
      const Index h = size[0], w = size[1];
      CAPTURE(h);
      CAPTURE(w);
      CAPTURE(shift);
      const Map<C> x(h * Window, w * Window, "attn.input");
      CHECK(on_cpu([&](auto& ctx) {
        Map<C> y = x;
        layer.forward(ctx, x.in(), shift, y.out(), {.residual = y.in_rows()});
        return y.values;
      }));
    }
}
}  // namespace

TEST_CASE("window attention: the CPU agrees for awkward windows and heads") {
  compare_window_attention<10, 2, 2>();
  compare_window_attention<12, 4, 6>();
  compare_window_attention<24, 2, 8>();
  compare_window_attention<48, 4, 8>();
  compare_window_attention<60, 2, 10>();
}

TEST_CASE("window attention: the CPU agrees for the published heads and windows") {
  eqsr::WindowAttention<180, 6, 16, Cpu> layer;
  fill(layer, "attn.");
  const Map<180> x(16, 32, "attn.input");
  CHECK(on_cpu([&](auto& ctx) {
    Map<180> y(16, 32);
    layer.forward(ctx, x.in(), 8, y.out());
    return y.values;
  }));
}

TEST_CASE("window attention: large scores do not overflow") {
  eqsr::WindowAttention<8, 1, 4, Cpu> layer;
  fill(layer, "attn.");
  Map<8> x(8, 8, "attn.input");
  for (float& value : x.values) value *= 12;  // scores of some hundreds
  CHECK(on_cpu(
      [&](auto& ctx) {
        Map<8> y(8, 8);
        layer.forward(ctx, x.in(), 2, y.out());
        return y.values;
      },
      1e-3));
}

TEST_CASE_TEMPLATE("window attention: a plane that is no multiple is refused", Ctx, EQSR_CONTEXTS) {
  const eqsr::WindowAttention<4, 2, 8, Cpu> layer;
  const Map<4> x(8, 12);
  Map<4> y(8, 12);
  Ctx ctx;
  CHECK(error_of([&] { layer.forward(ctx, x.in(), 0, y.out()); }) ==
        "shape_mismatch: WindowAttention: a plane of 8 x 12 does not divide into windows of 8. "
        "Pad it by reflection to multiples of the window.");
}
