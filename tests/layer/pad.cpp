// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
namespace op = eqsr::op;

TEST_CASE("pad: positions beyond the end are reflected again and again") {
  const auto positions = [](Index n, Index count) {
    std::vector<Index> list;
    for (Index i = 0; i < count; ++i) list.push_back(eqsr::reflected(i, n));
    return list;
  };
  CHECK(positions(1, 4) == std::vector<Index>{0, 0, 0, 0});
  CHECK(positions(2, 5) == std::vector<Index>{0, 1, 0, 1, 0});
  CHECK(positions(4, 12) == std::vector<Index>{0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1});
  CHECK(eqsr::round_up(1, 8) == 8);
  CHECK(eqsr::round_up(8, 8) == 8);
  CHECK(eqsr::round_up(9, 8) == 16);
}

TEST_CASE_TEMPLATE("pad: 2 x 3 to 4 x 8 by hand, and back", Ctx, EQSR_CONTEXTS) {
  const Map<1> x(2, 3, {1, 2, 3, 4, 5, 6});
  Map<1> y(4, 8), back(2, 3);
  Ctx ctx;
  eqsr::launch<op::ReflectPad>(ctx, x.in(), y.out());
  CHECK(y.values == std::vector<float>{1, 2, 3, 2, 1, 2, 3, 2, 4, 5, 6, 5, 4, 5, 6, 5,
                                       1, 2, 3, 2, 1, 2, 3, 2, 4, 5, 6, 5, 4, 5, 6, 5});
  eqsr::launch<op::Crop>(ctx, y.in(), back.out());
  CHECK(back.values == x.values);
}

TEST_CASE("pad: the CPU agrees exactly at awkward sizes") {
  constexpr Index sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {8, 8}, {9, 33}, {15, 2}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    const Map<24> x(h, w, "pad.input");
    CHECK(on_cpu(
        [&](auto& ctx) {
          Map<24> y(eqsr::round_up(x.h, 16), eqsr::round_up(x.w, 16));
          eqsr::launch<op::ReflectPad>(ctx, x.in(), y.out());
          return y.values;
        },
        0));
    CHECK(on_cpu(
        [&](auto& ctx) {
          Map<24> y((x.h + 1) / 2, x.w);
          eqsr::launch<op::Crop>(ctx, x.in(), y.out());
          return y.values;
        },
        0));
  }
}
