// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

TEST_CASE_TEMPLATE("mlp: by hand", Ctx, EQSR_CONTEXTS) {
  eqsr::Mlp<2, 3, Cpu> layer;
  set(layer.fc1.weight, {1, 0, 0, 1, 1, 1});  // a, b, a + b
  set(layer.fc1.bias, {0, 0, 1});
  set(layer.fc2.weight, {1, 1, 1, 1, -1, 10});
  set(layer.fc2.bias, {0.5f, 0});
  const Map<2> x(1, 1, {1, -2});  // hidden gelu(1), gelu(-2), gelu(0)
  const Map<2> r(1, 1, {10, 20});
  Map<2> y(1, 1);
  Ctx ctx;
  layer.forward(ctx, x.in_rows(), y.out_rows());
  CHECK(near(y.values, {0.841344746f - 0.0455002639f + 0.5f, 0.841344746f + 0.0455002639f}, 1e-6));
  layer.forward(ctx, x.in_rows(), y.out_rows(), {.residual = r.in_rows()});
  CHECK(near(y.values, {11.295844482f, 20.88684501f}, 2e-6));
}

namespace {
template <int C, int Hidden>
void compare_mlp() {
  CAPTURE(C);
  eqsr::Mlp<C, Hidden, Cpu> layer;
  fill(layer, "mlp.");
  for (const Index m : {1, 6, 7, 33, 64, 70, 200}) {
    CAPTURE(m);
    const Map<C> x(1, m, "mlp.input"), start(1, m, "mlp.residual");
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y = start;
      layer.forward(ctx, x.in_rows(), y.out_rows(), {.residual = y.in_rows()});
      return y.values;
    }));
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y(1, x.w);
      layer.forward(ctx, x.in_rows(), y.out_rows());
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("mlp: the CPU agrees at awkward sizes") {
  compare_mlp<10, 25>();
  compare_mlp<24, 48>();
  compare_mlp<60, 120>();
  compare_mlp<180, 360>();
}
