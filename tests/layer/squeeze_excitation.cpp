// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

TEST_CASE_TEMPLATE("squeeze excitation: golden", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/squeeze_excitation");
  eqsr::SqueezeExcitation<24, 6, Cpu> layer;
  fill(layer, golden.text("prefix"));
  const auto x = planar_input<24>(golden.text("input"), 9, 11);
  Map<24> y(9, 11);
  Ctx ctx;
  layer.forward(ctx, x.in(), y.out());
  CHECK(near(y.values, golden.plane(), operator_tolerance));
}

TEST_CASE_TEMPLATE("squeeze excitation: by hand", Ctx, EQSR_CONTEXTS) {
  eqsr::SqueezeExcitation<2, 1, Cpu> layer;
  set(layer.squeeze, {1, 2});
  set(layer.excite, {1, -1});
  const Map<2> x(1, 2, {0, 1, 2, -1});  // means 1, 0; silu(1) = 0.731058579
  Map<2> y(1, 2);
  Ctx ctx;
  layer.forward(ctx, x.in(), y.out());
  const float up = 0.675037527f, down = 0.324962473f;  // sigmoid of +-0.731058579
  CHECK(near(y.values, {0, down, 2 * up, -down}, 1e-6));
}

namespace {
template <int C, int Hidden>
void compare_squeeze_excitation() {
  CAPTURE(C);
  eqsr::SqueezeExcitation<C, Hidden, Cpu> layer;
  fill(layer, "se.");
  constexpr Index sizes[][2] = {{1, 1}, {7, 9}, {33, 8}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    const Map<C> x(h, w, "se.input");
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y = x;  // in place
      layer.forward(ctx, y.in(), y.out());
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("squeeze excitation: the CPU agrees") {
  compare_squeeze_excitation<10, 2>();
  compare_squeeze_excitation<24, 6>();
  compare_squeeze_excitation<60, 15>();
  compare_squeeze_excitation<180, 45>();
}
