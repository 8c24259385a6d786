// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Activation;
using eqsr::Cpu;

TEST_CASE_TEMPLATE("linear: a product by hand", Ctx, EQSR_CONTEXTS) {
  eqsr::Linear<2, 3, Cpu> layer;
  set(layer.weight, {1, 2, 3, 4, 5, 6});
  set(layer.bias, {0.5f, -1, 0});
  const Map<2> x(1, 2, {1, -1, 2, 0.5f});
  Map<3> y(1, 2);
  Ctx ctx;
  SUBCASE("plain") {
    layer.forward(ctx, x.in_rows(), y.out_rows());
    CHECK(y.values == std::vector<float>{-0.5f, -2, -1, 3.5f, 7, 13});
  }
  SUBCASE("activation first, then the residual") {
    const Map<3> r(1, 2, {1, 2, 3, 4, 5, 6});
    layer.forward(ctx, x.in_rows(), y.out_rows(),
                  {.activation = Activation::relu, .residual = r.in_rows()});
    CHECK(y.values == std::vector<float>{1, 2, 3, 7.5f, 12, 19});
  }
  SUBCASE("the residual may be the output") {
    y.values = {1, 2, 3, 4, 5, 6};
    layer.forward(ctx, x.in_rows(), y.out_rows(), {.residual = y.in_rows()});
    CHECK(y.values == std::vector<float>{0.5f, 0, 2, 7.5f, 12, 19});
  }
}

namespace {
template <int In, int Out>
void compare_linear(const eqsr::Epilogue<Out>& epilogue = {}, bool residual = false) {
  CAPTURE(In);
  CAPTURE(Out);
  eqsr::Linear<In, Out, Cpu> layer;
  fill(layer, "linear.");
  for (const Index m : {1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 16, 17, 31, 33, 64, 65, 70}) {
    CAPTURE(m);
    const Map<In> x(1, m, "linear.input");
    const Map<Out> r(1, m, "linear.residual");
    CHECK(on_cpu([&](auto& ctx) {
      Map<Out> y(1, m);
      auto with = epilogue;
      if (residual) with.residual = r.in_rows();
      layer.forward(ctx, x.in_rows(), y.out_rows(), with);
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("linear: the CPU agrees at awkward sizes") {
  compare_linear<10, 10>();
  compare_linear<24, 72>();
  compare_linear<48, 24>();
  compare_linear<60, 7>();
  compare_linear<180, 360>();
  compare_linear<256, 3>();
  compare_linear<1, 17>();
  compare_linear<81, 24>();
}

TEST_CASE("linear: the CPU agrees with every epilogue") {
  for (const auto kind : eqsr::all_activations) {
    compare_linear<24, 60>({.activation = kind});
    compare_linear<60, 24>({.activation = kind}, true);
  }
}

TEST_CASE_TEMPLATE("linear: rows do not depend on the rows around them", Ctx, EQSR_CONTEXTS) {
  eqsr::Linear<60, 33, Cpu> layer;
  fill(layer);
  const Map<60> x(1, 70, "linear.input");
  Map<33> all(1, 70), some(1, 1);
  Ctx ctx;
  layer.forward(ctx, x.in_rows(), all.out_rows());
  for (Index m = 0; m < 70; ++m) {
    layer.forward(ctx, eqsr::Rows<const float, 60>(x.values.data() + m * 60, 1), some.out_rows());
    CHECK(std::memcmp(some.values.data(), all.values.data() + m * 33, 33 * sizeof(float)) == 0);
  }
}

TEST_CASE_TEMPLATE("linear: both shapes are named when they differ", Ctx, EQSR_CONTEXTS) {
  const eqsr::Linear<4, 5, Cpu> layer;
  const Map<4> x(1, 3);
  Map<5> y(1, 2);
  Ctx ctx;
  CHECK(error_of([&] { layer.forward(ctx, x.in_rows(), y.out_rows()); }) ==
        "shape_mismatch: Linear: the input (m 3, c 4) and the output (m 2, c 5) must have the same "
        "number of rows. Allocate one for the other.");
  Map<5> z(1, 3);
  CHECK(
      error_of([&] { layer.forward(ctx, x.in_rows(), z.out_rows(), {.residual = y.in_rows()}); }) ==
      "shape_mismatch: Linear: the residual (m 2, c 5) and the output (m 3, c 5) must have the "
      "same number of rows. Allocate one for the other.");
}

TEST_CASE("linear: parameters have the names and shapes of PyTorch") {
  eqsr::Linear<4, 5, Cpu> layer;
  CHECK(parameter_list(layer) == "weight [5,4] bias [5]");
}
