// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

TEST_CASE_TEMPLATE("adaptive feature extractor: golden", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/mod_mbconv");
  eqsr::AdaptiveFeatureExtractor<24, 81, 6, Cpu> layer;
  fill(layer, golden.text("prefix"));
  const Map<24> x(16, 24, golden.text("input"));
  const Map<81> style = golden_style(golden);
  Map<24> y(16, 24);
  Ctx ctx;
  layer.forward(ctx, x.in(), style.in_channels(), y.out());
  CHECK(near(y.values, golden.tokens(), operator_tolerance));
}

namespace {
template <int C, int Style, int Hidden>
void compare_adaptive_feature_extractor() {
  CAPTURE(C);
  eqsr::AdaptiveFeatureExtractor<C, Style, Hidden, Cpu> layer;
  fill(layer, "mbconv.");
  const Map<Style> style(1, 1, "mbconv.style");
  constexpr Index sizes[][2] = {{1, 1}, {7, 9}, {8, 33}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    CAPTURE(h);
    CAPTURE(w);
    const Map<C> x(h, w, "mbconv.input");
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y(x.h, x.w);
      layer.forward(ctx, x.in(), style.in_channels(), y.out());
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("adaptive feature extractor: the CPU agrees at awkward sizes") {
  compare_adaptive_feature_extractor<10, 5, 2>();
  compare_adaptive_feature_extractor<24, 81, 6>();
  compare_adaptive_feature_extractor<60, 21, 15>();
}

TEST_CASE("adaptive feature extractor: parameters have the names of the checkpoints") {
  const eqsr::AdaptiveFeatureExtractor<24, 81, 6, Cpu> layer;
  CHECK(parameter_list(layer) ==
        "net1.weight [24,24,1,1] net1.bias [24] norm1.0.weight [24] norm1.0.bias [24] "
        "net2.weight [24,24,3,3] net2.to_style.weight [24,81] net2.to_style.bias [24] "
        "norm2.0.weight [24] norm2.0.bias [24] net3.0.gate.1.weight [6,24] "
        "net3.0.gate.3.weight [24,6] net3.1.weight [24,24,1,1] net3.1.bias [24]");
}
