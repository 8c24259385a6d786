// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
using eqsr::Cpu;
namespace op = eqsr::op;

TEST_CASE_TEMPLATE("kriging upsampler: golden", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/kriging_upsampler");
  eqsr::KrigingUpsampler<24, Cpu> layer;
  fill(layer, golden.text("prefix"));
  const auto x = planar_input<24>(golden.text("input"), 7, 9);
  Map<3> y(15, 22);
  Ctx ctx;
  layer.forward(ctx, x.in(), y.out());
  CHECK(near(y.values, golden.plane(), operator_tolerance));
}

namespace {
/// The head alone, by its operators.
template <int C, int L, int F>
std::vector<float> head(auto& ctx, const eqsr::KrigingUpsampler<C, Cpu, L, F>& layer,
                        const Map<C>& x, Index H, Index W) {
  constexpr int E = 1 + 2 * F;
  eqsr::Scope scope(ctx);
  const eqsr::QueryAxis down = eqsr::query_axis(scope, H), across = eqsr::query_axis(scope, W);
  eqsr::launch<op::QueryGrid>(ctx, x.h, down);
  eqsr::launch<op::QueryGrid>(ctx, x.w, across);
  Map<E> rows(1, H), columns(1, W);
  using Row = eqsr::Rows<const float, 1>;
  eqsr::launch<op::FrequencyEncoding>(ctx, Row(down.relative.data(), H), eqsr::Encoding::division,
                                      rows.out_rows());
  eqsr::launch<op::FrequencyEncoding>(ctx, Row(across.relative.data(), W), eqsr::Encoding::division,
                                      columns.out_rows());
  Map<L> u(H, W);
  eqsr::launch<op::KrigingHead>(ctx, x.in(), eqsr::ConstQueryAxis(down),
                                eqsr::ConstQueryAxis(across), rows.in_rows(), columns.in_rows(),
                                layer.head, u.out());
  return u.values;
}

template <int C, int L, int F>
void compare_kriging_upsampler() {
  CAPTURE(C);
  CAPTURE(L);
  CAPTURE(F);
  eqsr::KrigingUpsampler<C, Cpu, L, F> layer;
  fill(layer, "upsample.");
  constexpr Index sizes[][4] = {{1, 1, 1, 1},   {1, 1, 5, 7},  {7, 9, 15, 22}, {8, 8, 4, 4},
                                {9, 16, 9, 40}, {16, 3, 5, 9}, {2, 33, 3, 33}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1], H = size[2], W = size[3];
    CAPTURE(h);
    CAPTURE(W);
    const Map<C> x(h, w, "upsample.input");
    CHECK(on_cpu([&](auto& ctx) { return head(ctx, layer, x, H, W); }));
    for (const auto policy : {eqsr::Encoding::division, eqsr::Encoding::reciprocal})
      CHECK(on_cpu([&](auto& ctx) {
        Map<3> y(H, W);
        layer.forward(ctx, x.in(), y.out(), policy);
        return y.values;
      }));
  }
}
}  // namespace

TEST_CASE_TEMPLATE("kriging upsampler: golden head", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/kriging_upsampler");
  eqsr::KrigingUpsampler<24, Cpu> layer;
  fill(layer, golden.text("prefix"));
  Ctx ctx;
  const auto x = planar_input<24>(golden.text("input"), 7, 9);
  CHECK(near(head(ctx, layer, x, 15, 22), golden.plane("tap.head"), operator_tolerance));
}

TEST_CASE("kriging upsampler: the CPU agrees at awkward sizes") {
  compare_kriging_upsampler<24, 16, 40>();
  compare_kriging_upsampler<10, 8, 0>();
  compare_kriging_upsampler<48, 64, 10>();
}

TEST_CASE_TEMPLATE("kriging upsampler: the encoding policy matters", Ctx, EQSR_CONTEXTS) {
  eqsr::KrigingUpsampler<10, Cpu, 16, 40> layer;
  fill(layer, "upsample.");
  const Map<10> x(7, 9, "upsample.input");
  Map<3> division(15, 22), reciprocal(15, 22);
  Ctx ctx;
  layer.forward(ctx, x.in(), division.out(), eqsr::Encoding::division);
  layer.forward(ctx, x.in(), reciprocal.out(), eqsr::Encoding::reciprocal);
  CHECK(near(division.values, reciprocal.values, 100).max > 1e-2);
}
