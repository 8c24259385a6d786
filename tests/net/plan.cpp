// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/layers.hpp"
#include "support/sanitized.hpp"
#include "tiny.hpp"

using namespace eqsr_test;
using eqsr::Cpu;
using eqsr::Storage;

namespace {
template <eqsr::Config config>
void compare_workspace(Index h, Index w, Index H, Index W) {
  CAPTURE(h);
  CAPTURE(H);
  eqsr::Net<config, Cpu> net;
  fill(net);
  const Map<3> x = image_map("input", h, w);
  for (const auto storage : {Storage::both, Storage::one, Storage::none})
    for (const int threads : {1, 2, 5}) {
      CAPTURE(int(storage));
      CAPTURE(threads);
      eqsr::Context<Cpu> ctx(threads);
      ctx.storage = storage;
      Map<3> y(H, W);
      const eqsr::Plan plan = eqsr::plan(ctx, net, x.in(), y.out());
      net.forward(ctx, x.in(), y.out());
      CHECK(plan.workspace == ctx.arena().peak() + eqsr::arena_alignment);
    }
}
}  // namespace

TEST_CASE("plan: the workspace is the arena's peak") {
  compare_workspace<eqsr::tiny>(1, 1, 1, 1);
  compare_workspace<eqsr::tiny>(9, 21, 23, 40);
  compare_workspace<eqsr::tiny>(40, 40, 20, 20);
  compare_workspace<eqsr::tiny>(16, 16, 64, 64);
  if (sanitized) return;
  compare_workspace<eqsr::lite>(20, 20, 50, 70);
  compare_workspace<eqsr::lite>(9, 20, 150, 170);
}

TEST_CASE("plan: the workspace of the specification") {
  eqsr::Net<eqsr::tiny, Cpu> net;
  fill(net);
  const Map<3> x = image_map("input", 8, 8);
  Map<3> y(12, 12);
  eqsr::Context<eqsr::Reference> ctx;
  const eqsr::Plan plan = eqsr::plan(ctx, net, x.in(), y.out());
  net.forward(ctx, x.in(), y.out());
  CHECK(plan.workspace == ctx.arena().peak() + eqsr::arena_alignment);
}

TEST_CASE_TEMPLATE("plan: the workspace of every operator, to the byte", Ctx, EQSR_CONTEXTS) {
  every_layer<Cpu>([&](const char* name, const auto& run) {
    CAPTURE(name);
    for (const int threads : {1, 3})
      for (const auto storage : {Storage::both, Storage::one, Storage::none})
        for (const Index band : {0, 6}) {
          CAPTURE(threads);
          CAPTURE(int(storage));
          CAPTURE(band);
          Ctx ctx = [&] {
            if constexpr (std::is_same_v<Ctx, eqsr::Context<Cpu>>)
              return Ctx(threads);
            else
              return Ctx();
          }();
          ctx.storage = storage;
          ctx.band_height = band;
          expect_exact_plan(ctx, run);
        }
  });
}

/// Multiply-adds counted by hand for the published network; one counts as two operations. The
/// plan adds normalisations, activations and the like.
TEST_CASE("plan: operations of the published network") {
  const eqsr::Net<eqsr::base, Cpu> net;
  const auto flops = [&](Index h, Index H) {
    const eqsr::Plane<const float, 3> x(nullptr, h, h);
    const eqsr::Plane<float, 3> y(nullptr, H, H);
    return eqsr::plan_on<Cpu>(2, Storage::both, net, x, y).cost.flops;
  };
  constexpr double token = 15'416'460;                               // of the trunk
  constexpr double head_features = 180 * 256, head_axis = 81 * 256;  // a source pixel, a position
  constexpr double pixel = 2 * 561'408 + 3 * 256;                    // two blocks and the colours
  const double expected =
      2 * (64 * 64 * (token + head_features) + 2 * 256 * head_axis + 256 * 256 * pixel);
  const double planned = flops(64, 256);
  CHECK(planned > expected);
  CHECK(planned < 1.02 * expected);

  // Each part by itself: what more of it adds.
  const double trunk = flops(128, 256) - flops(64, 256);
  CHECK(trunk / (3 * 64 * 64) == doctest::Approx(2 * (token + head_features)).epsilon(0.02));
  const double upsampler = flops(64, 512) - flops(64, 256);
  CHECK(upsampler / (3 * 256 * 256) == doctest::Approx(2 * pixel).epsilon(0.02));
}

/// The second context knows no backend, so it composes everything of its parts.
TEST_CASE_TEMPLATE("plan: what composites say that they cost is what their parts cost", N,
                   eqsr::Net<eqsr::tiny, Cpu>, eqsr::Net<eqsr::lite, Cpu>,
                   eqsr::Net<eqsr::base, Cpu>) {
  const N net;
  const eqsr::Plane<const float, 3> x(nullptr, 40, 56);
  const eqsr::Plane<float, 3> y(nullptr, 77, 131);
  const eqsr::Cost said = eqsr::plan_on<Cpu>(2, Storage::both, net, x, y).cost;
  eqsr::Context<eqsr::DryRun<void>> parts;
  net.forward(parts, x, y);
  CHECK(said.flops == parts.cost.flops);
  CHECK(said.bytes == parts.cost.bytes);
}

TEST_CASE("plan: padding is paid for") {
  const eqsr::Net<eqsr::tiny, Cpu> net;
  const auto plan = [&](Index h) {
    return eqsr::plan_on<Cpu>(1, Storage::both, net, eqsr::Plane<const float, 3>(nullptr, h, 8),
                              eqsr::Plane<float, 3>(nullptr, 1, 1));
  };
  CHECK(plan(9).cost.flops ==
        doctest::Approx(plan(16).cost.flops).epsilon(0.05));  // the head is not padded
  CHECK(plan(9).cost.flops > 1.7 * plan(8).cost.flops);
}

TEST_CASE("plan: more threads need more scratch, not more operations") {
  const eqsr::Net<eqsr::tiny, Cpu> net;
  const eqsr::Plane<const float, 3> x(nullptr, 64, 64);
  const eqsr::Plane<float, 3> y(nullptr, 128, 128);
  const eqsr::Plan one = eqsr::plan_on<Cpu>(1, Storage::both, net, x, y),
                   many = eqsr::plan_on<Cpu>(64, Storage::both, net, x, y);
  CHECK(one.cost.flops == many.cost.flops);
  CHECK(one.workspace <= many.workspace);
}

TEST_CASE("plan: pictures of many gigapixels do not overflow" * doctest::skip(sizeof(void*) == 4)) {
  const eqsr::Net<eqsr::lite, Cpu> net;
  const eqsr::Plane<const float, 3> x(nullptr, 20000, 20000);
  const eqsr::Plane<float, 3> y(nullptr, 80000, 80000);
  const eqsr::Plan plan = eqsr::plan_on<Cpu>(1, Storage::both, net, x, y);
  CHECK(plan.cost.flops > 1e15);
  CHECK(plan.workspace > std::size_t{20000} * 20000 * 48 * 4);
}

TEST_CASE("plan: keeping less needs less memory") {
  const eqsr::Net<eqsr::base, Cpu> net;
  const eqsr::Plane<const float, 3> x(nullptr, 64, 64);
  const eqsr::Plane<float, 3> y(nullptr, 1024, 1024);
  const auto bytes = [&](Storage storage) {
    return double(eqsr::plan_on<Cpu>(4, storage, net, x, y).workspace);
  };
  const double plane = 1024.0 * 1024 * 256 * 4;
  CHECK(bytes(Storage::both) == doctest::Approx(2 * plane).epsilon(0.15));
  CHECK(bytes(Storage::one) == doctest::Approx(plane).epsilon(0.3));
  CHECK(bytes(Storage::none) < 0.3 * plane);
}
