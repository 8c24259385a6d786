// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
using eqsr::Encoding;

namespace {
/// The argument in float32 arithmetic that no compiler may fuse.
float written_out(float t, int i, Encoding policy) {
  volatile float a = float(std::ldexp(3.14159265358979323846, i));
  a = a * t;
  volatile float tenth = 0.1f;
  if (policy == Encoding::division)
    a = a / 10;
  else
    a = a * tenth;
  return a;
}

template <int K, int F>
std::vector<float> encoded(auto& ctx, const Map<K>& x, Encoding policy) {
  Map<K*(1 + 2 * F)> y(x.h, x.w);
  eqsr::launch<eqsr::op::FrequencyEncoding>(ctx, x.in_rows(), policy, y.out_rows());
  return y.values;
}

/// Offsets as the query grid makes them, conditions, and special numbers.
Map<1> numbers() {
  std::vector<float> list{0, -0.0f, 1, -1, 0.5f, 1e-30f, 1e-7f, 3, 0.99999994f, 1.0000001f};
  for (const float t : synthetic_input("encoding.numbers", 500)) list.push_back(t);
  for (Index H = 1; H < 300; ++H) list.push_back(float(2.0 / double(H)));
  const auto count = Index(list.size());
  return {1, count, std::move(list)};
}
}  // namespace

TEST_CASE("frequency encoding: arguments are float32 arithmetic to the last bit") {
  for (const auto policy : {Encoding::division, Encoding::reciprocal})
    for (const float t : numbers().values)
      for (int i = 0; i < 60; ++i)
        CHECK(ulps(eqsr::encoding_argument(t, i, policy), written_out(t, i, policy)) == 0);
}

TEST_CASE_TEMPLATE("frequency encoding: sine and cosine of that argument within an ulp", Ctx,
                   EQSR_CONTEXTS) {
  Ctx ctx;
  const Map<1> x = numbers();
  for (const auto policy : {Encoding::division, Encoding::reciprocal}) {
    const auto y = encoded<1, 40>(ctx, x, policy);
    std::int64_t worst = 0;
    for (std::size_t m = 0; m < x.values.size(); ++m) {
      const float* row = y.data() + m * 81;
      CHECK(ulps(row[0], x.values[m]) == 0);
      for (int i = 0; i < 40; ++i) {
        const double a = double(written_out(x.values[m], i, policy));
        worst = std::max({worst, ulps(row[1 + 2 * i], float(std::sin(a))),
                          ulps(row[2 + 2 * i], float(std::cos(a)))});
      }
    }
    CHECK(worst <= 1);
  }
}

TEST_CASE_TEMPLATE("frequency encoding: golden", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/frequency_encoding");
  const auto t = golden.tokens("x");
  const Map<1> x(1, Index(t.size()), t);
  Ctx ctx;
  const auto y = encoded<1, 40>(ctx, x, Encoding::division);
  const auto truth = golden.tokens();
  REQUIRE(y.size() == truth.size());
  std::int64_t worst = 0;
  for (std::size_t i = 0; i < y.size(); ++i) worst = std::max(worst, ulps(y[i], truth[i]));
  CHECK(worst <= 1);
}

TEST_CASE("frequency encoding: the two policies differ where it matters") {
  int different = 0;
  for (const float t : numbers().values)
    for (int i = 0; i < 40; ++i)
      different += written_out(t, i, Encoding::division) != written_out(t, i, Encoding::reciprocal);
  CHECK(different > 1000);
}

TEST_CASE_TEMPLATE("frequency encoding: several numbers are ordered by term", Ctx, EQSR_CONTEXTS) {
  const Map<2> x(1, 1, {0.25f, -0.5f});
  Ctx ctx;
  const auto y = encoded<2, 2>(ctx, x, Encoding::division);
  const double a = 0.25 * 3.14159265358979 / 10, b = -2 * a;
  const double truth[] = {0.25,
                          -0.5,
                          std::sin(a),
                          std::sin(b),
                          std::cos(a),
                          std::cos(b),
                          std::sin(2 * a),
                          std::sin(2 * b),
                          std::cos(2 * a),
                          std::cos(2 * b)};
  for (std::size_t i = 0; i < 10; ++i) CHECK(y[i] == doctest::Approx(truth[i]));
}

TEST_CASE("frequency encoding: the CPU agrees for any number of frequencies and rows") {
  for (const Index m : {1, 7, 16, 33, 70}) {
    const Map<1> x(1, m, "encoding.input");
    const Map<2> pairs(1, m, "encoding.input");
    for (const auto policy : {Encoding::division, Encoding::reciprocal}) {
      CHECK(on_cpu([&](auto& ctx) { return encoded<1, 0>(ctx, x, policy); }, 0));
      CHECK(on_cpu([&](auto& ctx) { return encoded<1, 10>(ctx, x, policy); }, 1.2e-7));
      CHECK(on_cpu([&](auto& ctx) { return encoded<1, 60>(ctx, x, policy); }, 1.2e-7));
      CHECK(on_cpu([&](auto& ctx) { return encoded<2, 40>(ctx, pairs, policy); }, 1.2e-7));
    }
  }
}
