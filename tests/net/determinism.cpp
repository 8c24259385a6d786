// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"
#include "support/sanitized.hpp"
#include "tiny.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

namespace {
template <eqsr::Config config>
std::vector<float> result(eqsr::Context<Cpu>& ctx, const eqsr::Net<config, Cpu>& net, Index h,
                          Index w, Index H, Index W) {
  const Map<3> x = image_map("input", h, w);
  Map<3> y(H, W);
  net.forward(ctx, x.in(), y.out());
  return y.values;
}

template <eqsr::Config config>
void compare_determinism(Index h, Index w, Index H, Index W) {
  eqsr::Net<config, Cpu> net;
  fill(net);
  for (int isa = int(eqsr::lowest_isa); isa <= int(eqsr::best_isa()); ++isa) {
    CAPTURE(isa);
    eqsr::Context<Cpu> one(1);
    one.use(eqsr::Isa(isa));
    const auto truth = result(one, net, h, w, H, W);
    CHECK(same_bits(result(one, net, h, w, H, W), truth));  // with a used arena
    for (const auto storage : {eqsr::Storage::one, eqsr::Storage::none}) {
      CAPTURE(int(storage));
      one.storage = storage;
      CHECK(same_bits(result(one, net, h, w, H, W), truth));
    }
    for (const int threads : {2, 3, 7}) {
      CAPTURE(threads);
      eqsr::Context<Cpu> ctx(threads);
      ctx.use(eqsr::Isa(isa));
      CHECK(same_bits(result(ctx, net, h, w, H, W), truth));
      ctx.storage = threads == 2 ? eqsr::Storage::none : eqsr::Storage::one;
      CHECK(same_bits(result(ctx, net, h, w, H, W), truth));
    }
  }
}
}  // namespace

TEST_CASE("net: the same bits for every number of threads and every memory, and again") {
  compare_determinism<eqsr::tiny>(9, 21, 23, 40);
  compare_determinism<eqsr::tiny>(16, 16, 64, 64);
  if (sanitized) return;
  compare_determinism<eqsr::lite>(13, 30, 31, 75);
  compare_determinism<eqsr::lite>(9, 20, 150, 170);
}

TEST_CASE("net: another picture in between changes nothing") {
  eqsr::Net<eqsr::tiny, Cpu> net;
  fill(net);
  eqsr::Context<Cpu> ctx(2);
  const auto truth = result(ctx, net, 9, 21, 23, 40);
  (void)result(ctx, net, 20, 9, 31, 11);
  CHECK(same_bits(result(ctx, net, 9, 21, 23, 40), truth));
}

TEST_CASE("net: a reserved arena gives the same bits and does not grow") {
  eqsr::Net<eqsr::tiny, Cpu> net;
  fill(net);
  eqsr::Context<Cpu> fresh(2), reserved(2);
  const auto truth = result(fresh, net, 9, 21, 23, 40);
  const eqsr::Plane<const float, 3> x(nullptr, 9, 21);
  const eqsr::Plane<float, 3> y(nullptr, 23, 40);
  reserved.reserve(eqsr::plan(reserved, net, x, y).workspace);
  const std::size_t capacity = reserved.arena().capacity();
  CHECK(same_bits(result(reserved, net, 9, 21, 23, 40), truth));
  CHECK(reserved.arena().capacity() == capacity);
}
