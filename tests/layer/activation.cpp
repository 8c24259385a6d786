// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Activation;

namespace {
std::vector<float> activated(auto& ctx, Activation kind, const std::vector<float>& x,
                             const std::vector<float>& addend = {}) {
  const auto m = Index(x.size());
  std::vector<float> y(x.size(), -77);
  using Row = eqsr::Rows<const float, 1>;
  eqsr::launch<eqsr::op::Activate>(ctx, kind, Row(x.data(), m),
                                   addend.empty() ? Row() : Row(addend.data(), m),
                                   eqsr::Rows<float, 1>(y.data(), m));
  return y;
}
}  // namespace

TEST_CASE_TEMPLATE("activation: known values", Ctx, EQSR_CONTEXTS) {
  Ctx ctx;
  const std::vector<float> x{-1, 0, 1, 2};
  CHECK(activated(ctx, Activation::none, x) == x);
  CHECK(activated(ctx, Activation::relu, x) == std::vector<float>{0, 0, 1, 2});
  CHECK(near(activated(ctx, Activation::gelu, x), {-0.158655254f, 0, 0.841344746f, 1.95449974f},
             3e-7));
  CHECK(near(activated(ctx, Activation::silu, x), {-0.268941421f, 0, 0.731058579f, 1.76159416f},
             3e-7));
  CHECK(near(activated(ctx, Activation::sigmoid, x),
             {0.268941421f, 0.5f, 0.731058579f, 0.880797078f}, 3e-7));
  CHECK(activated(ctx, Activation::relu, x, {2, -3, -1, -1}) == std::vector<float>{1, 0, 0, 1});
}

TEST_CASE_TEMPLATE("activation: far from zero", Ctx, EQSR_CONTEXTS) {
  Ctx ctx;
  const std::vector<float> x{-1e30f, -1e4f, -100, 100, 1e4f, 1e30f};
  const std::vector<float> positive_part{0, 0, 0, 100, 1e4f, 1e30f};
  const auto gelu = activated(ctx, Activation::gelu, x);
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(std::abs(gelu[i] - positive_part[i]) <= 1e-7f * std::abs(x[i]));
  CHECK(near(activated(ctx, Activation::silu, x), positive_part, 1e-7));
  CHECK(near(activated(ctx, Activation::sigmoid, x), {0, 0, 0, 1, 1, 1}, 1e-37));
}

TEST_CASE_TEMPLATE("activation: a NaN is not swallowed", Ctx, EQSR_CONTEXTS) {
  Ctx ctx;
  const std::vector<float> x(33, std::numeric_limits<float>::quiet_NaN());
  for (const Activation kind : eqsr::all_activations) {
    CAPTURE(int(kind));
    bool kept = true;
    for (const float y : activated(ctx, kind, x)) kept = kept && std::isnan(y);
    CHECK(kept);
  }
}

TEST_CASE("activation: the CPU is accurate everywhere") {
  std::vector<float> x;
  for (int i = -12000; i <= 12000; ++i) x.push_back(float(i) / 1000 + 1e-5f);
  for (const Activation kind : eqsr::all_activations) {
    CAPTURE(int(kind));
    CHECK(on_cpu([&](auto& ctx) { return activated(ctx, kind, x); }, 2e-6));
  }
}

TEST_CASE("activation: the CPU agrees at awkward sizes, in place too") {
  for (const Index m : {1, 7, 15, 16, 17, 33, 1000}) {
    const Map<10> x(1, m, "activation.x"), addend(1, m, "activation.addend");
    for (const Activation kind : eqsr::all_activations)
      CHECK(on_cpu([&](auto& ctx) {
        Map<10> y = addend;
        eqsr::launch<eqsr::op::Activate>(ctx, kind, x.in_rows(), y.in_rows(), y.out_rows());
        return y.values;
      }));
  }
}
