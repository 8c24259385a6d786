// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Activation;
using eqsr::Cpu;

TEST_CASE_TEMPLATE("layer norm: 1, 2, 3, 4 by hand", Ctx, EQSR_CONTEXTS) {
  eqsr::LayerNorm<4, Cpu> layer;
  set(layer.weight, {1, 2, 1, 2});
  set(layer.bias, {0, 0, 1, 1});
  Map<4> x(1, 2, {1, 2, 3, 4, 5, 5, 5, 5});
  const float near_one = 0.5f / std::sqrt(1.25f + 1e-5f);  // biased variance 1.25
  const std::vector<float> truth{
      -3 * near_one, -2 * near_one, 1 + near_one, 1 + 6 * near_one, 0, 0, 1, 1};
  Ctx ctx;
  SUBCASE("plain") {
    Map<4> y(1, 2);
    layer.forward(ctx, x.in_rows(), y.out_rows());
    CHECK(near(y.values, truth, 1e-6));
  }
  SUBCASE("in place, with an activation") {
    layer.forward(ctx, x.in_rows(), x.out_rows(), Activation::relu);
    std::vector<float> clipped = truth;
    for (float& value : clipped) value = std::max(0.0f, value);
    CHECK(near(x.values, clipped, 1e-6));
  }
}

namespace {
template <int C>
void compare_layer_norm(Activation activation) {
  CAPTURE(C);
  eqsr::LayerNorm<C, Cpu> layer;
  fill(layer, "norm.");
  for (const Index m : {1, 3, 7, 33, 70}) {
    CAPTURE(m);
    const Map<C> x(1, m, "norm.input");
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y(1, m);
      layer.forward(ctx, x.in_rows(), y.out_rows(), activation);
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("layer norm: the CPU agrees at awkward sizes") {
  for (const auto activation : {Activation::none, Activation::gelu}) {
    compare_layer_norm<1>(activation);
    compare_layer_norm<7>(activation);
    compare_layer_norm<10>(activation);
    compare_layer_norm<24>(activation);
    compare_layer_norm<60>(activation);
    compare_layer_norm<180>(activation);
    compare_layer_norm<256>(activation);
  }
}

TEST_CASE("layer norm: a large mean does not drown the variance") {
  eqsr::LayerNorm<60, Cpu> layer;
  fill(layer, "norm.");
  Map<60> x(1, 5, "norm.input");
  for (float& value : x.values) value += 1000;
  CHECK(on_cpu(
      [&](auto& ctx) {
        Map<60> y(1, 5);
        layer.forward(ctx, x.in_rows(), y.out_rows());
        return y.values;
      },
      3e-4));  // an ulp of 1000 is 6e-5
}

TEST_CASE_TEMPLATE("layer norm: both shapes are named when they differ", Ctx, EQSR_CONTEXTS) {
  const eqsr::LayerNorm<4, Cpu> layer;
  const Map<4> x(1, 3);
  Map<4> y(1, 2);
  Ctx ctx;
  CHECK(error_of([&] { layer.forward(ctx, x.in_rows(), y.out_rows()); }) ==
        "shape_mismatch: LayerNorm: the shapes (m 3, c 4) and (m 2, c 4) differ, but must be "
        "equal. Allocate the output for the input.");
}
