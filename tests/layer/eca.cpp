// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

TEST_CASE("eca: the kernel follows from the channels") {
  CHECK(eqsr::eca_taps(1) == 1);
  CHECK(eqsr::eca_taps(4) == 1);
  CHECK(eqsr::eca_taps(8) == 3);  // t = 2 is even
  CHECK(eqsr::eca_taps(32) == 3);
  CHECK(eqsr::eca_taps(64) == 3);
  CHECK(eqsr::eca_taps(127) == 3);
  CHECK(eqsr::eca_taps(128) == 5);
  CHECK(eqsr::eca_taps(256) == 5);
  CHECK(eqsr::eca_taps(1024) == 5);
  CHECK(eqsr::eca_taps(2048) == 7);
  for (int channels = 1; channels < 5000; ++channels) {
    const int t = int(std::floor((std::log2(double(channels)) + 1) / 2));
    CHECK(eqsr::eca_taps(channels) == (t % 2 == 1 ? t : t + 1));
  }
}

TEST_CASE_TEMPLATE("eca: gates by hand, without a sigmoid", Ctx, EQSR_CONTEXTS) {
  eqsr::Eca<8, Cpu> layer;
  set(layer.weight, {1, 10, 100});
  Map<8> x(1, 2);
  for (int c = 0; c < 8; ++c) {
    x(0, 0, c) = float(c);  // mean c + 1
    x(0, 1, c) = float(c + 2);
  }
  const float gate[8] = {210, 321, 432, 543, 654, 765, 876, 87};  // 1 m(c-1) + 10 m(c) + 100 m(c+1)
  Ctx ctx;
  Map<8> y(1, 2);
  layer.forward(ctx, x.in(), y.out());
  for (int c = 0; c < 8; ++c) {
    CHECK(y(0, 0, c) == doctest::Approx(double(gate[c]) * c));
    CHECK(y(0, 1, c) == doctest::Approx(double(gate[c]) * (c + 2)));
  }
  Map<8> added(1, 2, std::vector<float>(16, 0.5f));
  layer.forward(ctx, x.in(), added.out(), added.in_rows());
  for (int c = 0; c < 8; ++c)
    CHECK(added(0, 1, c) == doctest::Approx(0.5 + double(gate[c]) * (c + 2)));
}

namespace {
template <int C>
void compare_eca() {
  CAPTURE(C);
  eqsr::Eca<C, Cpu> layer;
  fill(layer, "eca.");
  const Map<C> x(7, 33, "eca.input");
  CHECK(on_cpu([&](auto& ctx) {
    Map<C> y(7, 33);
    layer.forward(ctx, x.in(), y.out());
    return y.values;
  }));
}
}  // namespace

TEST_CASE("eca: the CPU agrees") {
  compare_eca<8>();
  compare_eca<24>();
  compare_eca<64>();
  compare_eca<256>();
}
