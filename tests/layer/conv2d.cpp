// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Activation;
using eqsr::Cpu;

TEST_CASE_TEMPLATE("conv2d: one tap moves the picture, zeros come in", Ctx, EQSR_CONTEXTS) {
  const Map<1> x(3, 4, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  Ctx ctx;
  for (int ky = 0; ky < 3; ++ky)
    for (int kx = 0; kx < 3; ++kx) {
      CAPTURE(ky);
      CAPTURE(kx);
      eqsr::Conv2d<1, 1, 3, Cpu> layer;
      layer.weight(0, 0, ky, kx) = 2;
      set(layer.bias, {0.5f});
      Map<1> y(3, 4), truth(3, 4);
      for (Index h = 0; h < 3; ++h)
        for (Index w = 0; w < 4; ++w) {
          const Index row = h + ky - 1, column = w + kx - 1;
          const bool inside = row >= 0 && row < 3 && column >= 0 && column < 4;
          truth(h, w, 0) = 0.5f + (inside ? 2 * float(row * 4 + column + 1) : 0.0f);
        }
      layer.forward(ctx, x.in(), y.out());
      CHECK(y.values == truth.values);
    }
}

TEST_CASE_TEMPLATE("conv2d: channels mix by [out, in]", Ctx, EQSR_CONTEXTS) {
  const Map<2> x(1, 1, {10, 100});
  Ctx ctx;
  SUBCASE("3x3") {
    eqsr::Conv2d<2, 3, 3, Cpu> layer;
    for (int o = 0; o < 3; ++o)
      for (int c = 0; c < 2; ++c) layer.weight(o, c, 1, 1) = float(2 * o + c + 1);
    const Map<3> r(1, 1, {0, -1000, 1});
    Map<3> y(1, 1);
    layer.forward(ctx, x.in(), y.out());
    CHECK(y.values == std::vector<float>{210, 430, 650});
    layer.forward(ctx, x.in(), y.out(), {.residual = r.in_rows()});
    CHECK(y.values == std::vector<float>{210, -570, 651});
  }
  SUBCASE("1x1") {
    eqsr::Conv2d<2, 3, 1, Cpu> layer;
    set(layer.weight, {1, 2, 3, 4, 5, 6});
    set(layer.bias, {0, -500, 0});
    Map<3> y(1, 1);
    layer.forward(ctx, x.in(), y.out(), {.activation = Activation::relu});
    CHECK(y.values == std::vector<float>{210, 0, 650});
  }
}

namespace {
template <int In, int Out, int Taps>
void compare_conv2d(Activation activation = Activation::none, bool residual = false) {
  CAPTURE(In);
  CAPTURE(Out);
  CAPTURE(Taps);
  eqsr::Conv2d<In, Out, Taps, Cpu> layer;
  fill(layer, "conv.");
  constexpr Index sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {2, 2}, {3, 9}, {8, 8}, {9, 33}, {33, 2}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    CAPTURE(h);
    CAPTURE(w);
    const Map<In> x(h, w, "conv.input");
    const Map<Out> r(h, w, "conv.residual");
    CHECK(on_cpu([&](auto& ctx) {
      Map<Out> y(x.h, x.w);
      eqsr::Epilogue<Out> epilogue{.activation = activation};
      if (residual) epilogue.residual = r.in_rows();
      layer.forward(ctx, x.in(), y.out(), epilogue);
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("conv2d: the CPU agrees at awkward sizes") {
  compare_conv2d<3, 24, 3>();
  compare_conv2d<10, 10, 3>();
  compare_conv2d<24, 24, 3>(Activation::none, true);
  compare_conv2d<60, 7, 3>(Activation::gelu);
  compare_conv2d<64, 16, 3>(Activation::relu, true);
  compare_conv2d<180, 3, 3>();
  compare_conv2d<256, 64, 3>(Activation::relu);
  compare_conv2d<24, 24, 1>();
  compare_conv2d<64, 288, 1>(Activation::none, true);
}

TEST_CASE_TEMPLATE("conv2d: both shapes are named when they differ", Ctx, EQSR_CONTEXTS) {
  const eqsr::Conv2d<4, 5, 3, Cpu> layer;
  const Map<4> x(3, 2);
  Map<5> y(2, 3);
  Ctx ctx;
  CHECK(error_of([&] { layer.forward(ctx, x.in(), y.out()); }) ==
        "shape_mismatch: Conv2d: the input (h 3, w 2, c 4) and the output (h 2, w 3, c 5) must "
        "have the same height and width. Allocate one for the other.");
}

TEST_CASE("conv2d: parameters have the names and shapes of PyTorch") {
  eqsr::Conv2d<4, 5, 3, Cpu> three;
  eqsr::Conv2d<4, 5, 1, Cpu> one;
  CHECK(parameter_list(three) == "weight [5,4,3,3] bias [5]");
  CHECK(parameter_list(one) == "weight [5,4,1,1] bias [5]");
}
