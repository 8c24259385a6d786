// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

TEST_CASE_TEMPLATE("involution: golden", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/involution");
  eqsr::Involution<32, Cpu> layer;
  fill(layer, golden.text("prefix"));
  const auto x = planar_input<32>(golden.text("input"), 9, 11);
  const Map<9> g(9, 11, channels_last(golden.tensor("factor").to_float(), 9));
  Map<32> y(9, 11);
  Ctx ctx;
  layer.forward(ctx, x.in(), g.in(), y.out());
  CHECK(near(y.values, golden.plane(), operator_tolerance));
}

TEST_CASE_TEMPLATE("involution: one tap of one group moves its eight channels", Ctx,
                   EQSR_CONTEXTS) {
  const Map<16> x(3, 4, "involution.input");
  const Map<9> g(3, 4, std::vector<float>(9 * 12, 0.5f));
  Ctx ctx;
  for (int group = 0; group < 2; ++group)
    for (int tap = 0; tap < 9; ++tap) {
      CAPTURE(group);
      CAPTURE(tap);
      eqsr::Involution<16, Cpu> layer;
      layer.expand.bias(9 * group + tap) = 4;  // the kernels of every pixel
      Map<16> y(3, 4), truth(3, 4, std::vector<float>(16 * 12, 0.0f));
      for (Index h = 0; h < 3; ++h)
        for (Index w = 0; w < 4; ++w)
          for (int c = 8 * group; c < 8 * group + 8; ++c) {
            const Index row = h + tap / 3 - 1, column = w + tap % 3 - 1;
            if (row >= 0 && row < 3 && column >= 0 && column < 4)
              truth(h, w, c) = 2 * x.in()(row, column, c);
          }
      layer.forward(ctx, x.in(), g.in(), y.out());
      CHECK(near(y.values, truth.values, 0));
    }
}

namespace {
template <int C>
void compare_involution() {
  CAPTURE(C);
  eqsr::Involution<C, Cpu> layer;
  fill(layer, "involution.");
  constexpr Index sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {2, 33}, {9, 17}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    CAPTURE(h);
    CAPTURE(w);
    const Map<C> x(h, w, "involution.input");
    const Map<9> g(h, w, "involution.factor");
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y(x.h, x.w);
      layer.forward(ctx, x.in(), g.in(), y.out());
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("involution: the CPU agrees at awkward sizes") {
  compare_involution<8>();
  compare_involution<24>();
  compare_involution<40>();
  compare_involution<64>();
  compare_involution<256>();
}

TEST_CASE("involution: parameters have the names of the checkpoints") {
  const eqsr::Involution<256, Cpu> layer;
  CHECK(parameter_list(layer) ==
        "seblock.0.weight [64,256,3,3] seblock.0.bias [64] "
        "seblock.2.weight [288,64,1,1] seblock.2.bias [288]");
}

TEST_CASE_TEMPLATE("involution: both shapes are named when they differ", Ctx, EQSR_CONTEXTS) {
  const eqsr::Involution<8, Cpu> layer;
  const Map<8> x(3, 2);
  const Map<9> g(3, 2), wrong(2, 3);
  Map<8> y(3, 2), narrow(3, 1);
  Ctx ctx;
  CHECK(error_of([&] { layer.forward(ctx, x.in(), g.in(), narrow.out()); }) ==
        "shape_mismatch: Involution: the shapes (h 3, w 2, c 8) and (h 3, w 1, c 8) differ, but "
        "must be equal. Allocate the output for the input.");
  CHECK(error_of([&] { layer.forward(ctx, x.in(), wrong.in(), y.out()); }) ==
        "shape_mismatch: Involution: the input (h 3, w 2, c 8) and the distance factor (h 2, w 3, "
        "c 9) must have the same height and width. Allocate one for the other.");
}
