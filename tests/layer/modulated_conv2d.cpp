// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

TEST_CASE_TEMPLATE("modulated conv2d: golden", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/modulated_conv2d");
  eqsr::ModulatedConv2d<24, 24, 81, Cpu> layer;
  fill(layer, golden.text("prefix"));
  const auto x = planar_input<24>(golden.text("input"), 9, 11);
  const Map<81> style = golden_style(golden);
  Map<24> y(9, 11);
  Ctx ctx;
  layer.forward(ctx, x.in(), style.in_channels(), y.out());
  CHECK(near(y.values, golden.plane(), operator_tolerance));
}

TEST_CASE_TEMPLATE("modulated conv2d: by hand", Ctx, EQSR_CONTEXTS) {
  eqsr::ModulatedConv2d<2, 1, 1, Cpu> layer;
  layer.weight(0, 0, 1, 1) = 3;  // the pixel itself
  layer.weight(0, 1, 1, 2) = 1;  // the one to its right
  set(layer.to_style.weight, {0, 1});
  set(layer.to_style.bias, {0, 1});
  const Map<1> style(1, 1, {2});  // modulation 0 and 3: weights 3 and 4, norm 5
  const Map<2> x(1, 2, {1, 10, 2, 20});
  Map<1> y(1, 2), residual(1, 2, {100, 200});
  Ctx ctx;
  layer.forward(ctx, x.in(), style.in_channels(), y.out());
  CHECK(near(y.values, {(3 + 80) / 5.0f, 6 / 5.0f}, 4e-6));
  layer.forward(ctx, x.in(), style.in_channels(), y.out(), {.residual = residual.in_rows()});
  CHECK(near(y.values, {100 + 83 / 5.0f, 200 + 6 / 5.0f}, 4e-5));
}

namespace {
template <int C, int Style>
void compare_modulated_conv2d() {
  CAPTURE(C);
  eqsr::ModulatedConv2d<C, C, Style, Cpu> layer;
  fill(layer, "modulated.");
  const Map<Style> style(1, 1, "modulated.style");
  constexpr Index sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {9, 33}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    CAPTURE(h);
    CAPTURE(w);
    const Map<C> x(h, w, "modulated.input"), r(h, w, "modulated.residual");
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y(x.h, x.w);
      layer.forward(ctx, x.in(), style.in_channels(), y.out(), {.residual = r.in_rows()});
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("modulated conv2d: the CPU agrees at awkward sizes") {
  compare_modulated_conv2d<10, 5>();
  compare_modulated_conv2d<24, 81>();
  compare_modulated_conv2d<60, 21>();
}

TEST_CASE("modulated conv2d: a channel that is modulated away does no harm") {
  eqsr::ModulatedConv2d<4, 4, 1, Cpu> layer;
  fill(layer, "modulated.");
  set(layer.to_style.weight, {0, 0, 0, 0});
  set(layer.to_style.bias, {-1, -1, -1, -1});  // all weights become 0
  const Map<1> style(1, 1, {1});
  const Map<4> x(3, 3, "modulated.input");
  CHECK(on_cpu([&](auto& ctx) {
    Map<4> y(3, 3);
    layer.forward(ctx, x.in(), style.in_channels(), y.out());
    return y.values;
  }));
}

TEST_CASE_TEMPLATE("modulated conv2d: both shapes are named when they differ", Ctx, EQSR_CONTEXTS) {
  const eqsr::ModulatedConv2d<4, 5, 1, Cpu> layer;
  const Map<1> style(1, 1, {1});
  const Map<4> x(3, 2);
  Map<5> y(2, 3);
  Ctx ctx;
  CHECK(error_of([&] { layer.forward(ctx, x.in(), style.in_channels(), y.out()); }) ==
        "shape_mismatch: ModulatedConv2d: the input (h 3, w 2, c 4) and the output (h 2, w 3, c "
        "5) must have the same height and width. Allocate one for the other.");
}
