// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

TEST_CASE_TEMPLATE("involution block: golden", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/involution_block");
  eqsr::InvolutionBlock<32, Cpu> layer;
  fill(layer, golden.text("prefix"));
  auto x = planar_input<32>(golden.text("input"), 9, 11);
  const Map<9> g(9, 11, channels_last(golden.tensor("factor").to_float(), 9));
  Ctx ctx;
  SUBCASE("to another plane") {
    Map<32> y(9, 11);
    layer.forward(ctx, x.in(), g.in(), y.out());
    CHECK(near(y.values, golden.plane(), operator_tolerance));
  }
  SUBCASE("in place") {
    layer.forward(ctx, x.in(), g.in(), x.out());
    CHECK(near(x.values, golden.plane(), operator_tolerance));
  }
}

namespace {
template <int C>
void compare_involution_block() {
  CAPTURE(C);
  eqsr::InvolutionBlock<C, Cpu> layer;
  fill(layer, "block.");
  constexpr Index sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {5, 33}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    CAPTURE(h);
    CAPTURE(w);
    const Map<C> x(h, w, "block.input");
    const Map<9> g(h, w, "block.factor");
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y(x.h, x.w);
      layer.forward(ctx, x.in(), g.in(), y.out());
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("involution block: the CPU agrees at awkward sizes") {
  compare_involution_block<8>();
  compare_involution_block<24>();
  compare_involution_block<64>();
  compare_involution_block<256>();
}
