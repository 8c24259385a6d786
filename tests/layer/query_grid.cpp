// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
namespace op = eqsr::op;

namespace {
struct Axis {
  std::vector<std::int32_t> index;
  std::vector<float> relative, delta;
  explicit Axis(Index N)
      : index(std::size_t(N), -77), relative(std::size_t(N), -77), delta(std::size_t(3 * N), -77) {}
  eqsr::QueryAxis view() {
    const auto N = Index(index.size());
    return {eqsr::View<std::int32_t, eqsr::Axis<'m'>>(index.data(), N),
            eqsr::View<float, eqsr::Axis<'m'>>(relative.data(), N),
            eqsr::View<float, eqsr::Axis<'m'>, eqsr::Axis<'k', 3>>(delta.data(), N)};
  }
};

Axis axis(auto& ctx, Index n, Index N) {
  Axis result(N);
  eqsr::launch<op::QueryGrid>(ctx, n, result.view());
  return result;
}

/// The formulas in float32 arithmetic that no compiler may fuse.
float centre(Index i, Index n) {
  volatile float first = float(-1.0 + 1.0 / double(n)), step = float(2.0 / double(n));
  volatile float offset = step * float(i);
  volatile float sum = first + offset;
  return sum;
}
Index nearest(float c, Index n) {
  volatile float p = c + 1;
  p = p * float(n);
  p = p - 1;
  p = p / 2;
  return std::clamp<Index>(Index(std::nearbyint(p)), 0, n - 1);
}
float offset(float from, float to, Index n) {
  volatile float difference = from - to;
  volatile float scaled = difference * float(n);
  return scaled;
}
}  // namespace

TEST_CASE_TEMPLATE("query grid: golden, to the last bit", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/query_grid");
  const auto pairs = golden.numbers("pairs");
  REQUIRE(pairs.size() == 22);
  Ctx ctx;
  for (std::size_t p = 0; p < pairs.size(); p += 2) {
    const Index n = pairs[p], N = pairs[p + 1];
    CAPTURE(n);
    CAPTURE(N);
    const std::string name = std::to_string(n) + "_" + std::to_string(N);
    const auto coord = golden.tensor(name + ".coord").to_float();
    const auto index = golden.tensor(name + ".index").to_int64();
    const auto rel = golden.tensor(name + ".rel").to_float();
    const Axis found = axis(ctx, n, N);
    REQUIRE(Index(index.size()) == N);
    for (std::size_t i = 0; i < index.size(); ++i) {
      CHECK(ulps(eqsr::cell_centre(Index(i), N), coord[i]) == 0);
      CHECK(found.index[i] == index[i]);
      CHECK(ulps(found.relative[i], rel[i]) == 0);
    }
  }
}

TEST_CASE_TEMPLATE("query grid: the formulas, to the last bit, for many sizes", Ctx,
                   EQSR_CONTEXTS) {
  Ctx ctx;
  constexpr Index sizes[][2] = {{1, 1},   {1, 9},    {9, 1},     {2, 3},      {3, 2},
                                {48, 72}, {64, 160}, {100, 250}, {333, 1000}, {1000, 333},
                                {7, 7},   {17, 34},  {256, 640}, {511, 1022}, {1920, 3840}};
  for (const auto& size : sizes) {
    const Index n = size[0], N = size[1];
    CAPTURE(n);
    CAPTURE(N);
    const Axis found = axis(ctx, n, N);
    bool same = true;
    for (Index I = 0; I < N; ++I) {
      const float c = centre(I, N);
      const Index index = nearest(c, n);
      same = same && found.index[std::size_t(I)] == index &&
             ulps(found.relative[std::size_t(I)], offset(c, centre(index, n), n)) == 0;
      for (Index t = 0; t < 3; ++t) {
        const Index q = I + t - 1;
        const float delta = q < 0 || q >= N ? 0 : offset(centre(nearest(centre(q, N), n), n), c, n);
        same = same && ulps(found.delta[std::size_t(3 * I + t)], delta) == 0;
      }
    }
    CHECK(same);
  }
}

TEST_CASE_TEMPLATE("query grid: the index stays inside for huge targets", Ctx, EQSR_CONTEXTS) {
  Ctx ctx;
  const Index n = 1 << 19, N = (1 << 21) + 3;
  const Axis found = axis(ctx, n, N);
  CHECK(*std::min_element(found.index.begin(), found.index.end()) == 0);
  CHECK(*std::max_element(found.index.begin(), found.index.end()) == n - 1);
}

TEST_CASE_TEMPLATE("distance factor: a Gaussian of the offsets", Ctx, EQSR_CONTEXTS) {
  Ctx ctx;
  Axis rows = axis(ctx, 3, 7), columns = axis(ctx, 4, 5);
  eqsr::Tensor<eqsr::Cpu, float> lengthscale;
  lengthscale() = 2.5f;
  Map<9> g(7, 5);
  eqsr::launch<op::DistanceFactor>(ctx, eqsr::ConstQueryAxis(rows.view()),
                                   eqsr::ConstQueryAxis(columns.view()), lengthscale, g.out());
  for (Index h = 0; h < 7; ++h)
    for (Index w = 0; w < 5; ++w)
      for (int tap = 0; tap < 9; ++tap) {
        const double dy = double(rows.delta[std::size_t(3 * h + tap / 3)]);
        const double dx = double(columns.delta[std::size_t(3 * w + tap % 3)]);
        CHECK(g(h, w, tap) ==
              doctest::Approx(std::exp(-0.5 * (dx * dx + dy * dy) / 6.25)).epsilon(1e-6));
      }
}

TEST_CASE("distance factor: the CPU agrees") {
  for (const Index size : {1, 7, 33}) {
    eqsr::Tensor<eqsr::Cpu, float> lengthscale;
    lengthscale() = 0.7f;
    CHECK(on_cpu(
        [&](auto& ctx) {
          Axis rows = axis(ctx, 5, size), columns = axis(ctx, 9, size + 3);
          Map<9> g(size, size + 3);
          eqsr::launch<op::DistanceFactor>(ctx, eqsr::ConstQueryAxis(rows.view()),
                                           eqsr::ConstQueryAxis(columns.view()), lengthscale,
                                           g.out());
          return g.values;
        },
        5e-7));
  }
}
