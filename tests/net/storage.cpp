// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <eqsr/eqsr.hpp>

#include "support/compare.hpp"
#include "support/module.hpp"
#include "support/sanitized.hpp"
#include "tiny.hpp"

using namespace eqsr_test;
using eqsr::Context;
using eqsr::Cpu;
using eqsr::Storage;

namespace {
using BandedUpsampler = eqsr::KrigingUpsampler<10, Cpu, 32, 8>;

std::vector<float> banded(const BandedUpsampler& up, const Map<10>& x, Index H, Index W,
                          int threads, Storage storage) {
  Context<Cpu> ctx(threads);
  ctx.storage = storage;
  Map<3> y(H, W);
  const eqsr::Plan plan = eqsr::plan(ctx, up, x.in(), y.out());
  ctx.reserve(plan.workspace);
  up.forward(ctx, x.in(), y.out());
  CHECK(ctx.arena().peak() <= plan.workspace);
  return y.values;
}
}  // namespace

TEST_CASE("storage: every policy and number of threads gives the same bits as the others") {
  BandedUpsampler up;
  fill(up, "up.");
  // Sizes below, at and above a tile of 16 rows and 64 columns; shrinking; one pixel.
  const Index sizes[][4] = {{7, 9, 15, 22},  {5, 5, 1, 1},   {20, 30, 70, 131}, {9, 9, 33, 65},
                            {30, 3, 16, 64}, {4, 40, 9, 63}, {1, 1, 17, 66},    {12, 12, 129, 5}};
  for (const Index* const size : sizes) {
    const Index h = size[0], w = size[1], H = size[2], W = size[3];
    if (sanitized && H * W > 2000) continue;
    CAPTURE(H);
    CAPTURE(W);
    const Map<10> x(h, w, "storage.input");
    const auto truth = banded(up, x, H, W, 1, Storage::both);
    for (const Storage storage : {Storage::both, Storage::one, Storage::none})
      for (const int threads : {1, 2, 3, 7}) {
        CAPTURE(int(storage));
        CAPTURE(threads);
        CHECK(same_bits(banded(up, x, H, W, threads, storage), truth));
      }
  }
}

TEST_CASE("storage: the passes over tiles agree with the composition of whole planes") {
  BandedUpsampler up;
  fill(up, "up.");
  const Map<10> x(20, 30, "storage.input");
  Map<3> whole(70, 131);
  Context<Cpu> ctx(2);
  up.compose(ctx, x.in(), whole.out());
  const auto tiles = banded(up, x, 70, 131, 2, Storage::none);
  CHECK(near(tiles, whole.values, 2e-5));
}

TEST_CASE("storage: upscale keeps less where max_memory demands it, with the same bits") {
  eqsr::Net<eqsr::tiny, Cpu> net;
  fill(net);
  eqsr::Image image = eqsr::blank_image(20, 30);
  image.pixels = synthetic_image("input", 20, 30);
  const eqsr::Target target{.height = 150, .width = 200};
  Context<Cpu> ctx(2);
  const auto truth = eqsr::upscale(ctx, net, image, target).pixels;
  const auto most = eqsr::plan_upscale(ctx, net, 20, 30, target);
  CHECK(most.storage == Storage::both);

  ctx.max_memory = most.bytes - 1;
  CHECK(eqsr::plan_upscale(ctx, net, 20, 30, target).storage == Storage::one);
  CHECK(same_bits(eqsr::upscale(ctx, net, image, target).pixels, truth));
  CHECK(ctx.storage == Storage::both);

  ctx.max_memory = eqsr::plan_upscale(ctx, net, 20, 30, target).bytes - 1;
  const auto least = eqsr::plan_upscale(ctx, net, 20, 30, target);
  CHECK(least.storage == Storage::none);
  CHECK(same_bits(eqsr::upscale(ctx, net, image, target).pixels, truth));

  ctx.max_memory = least.bytes - 1;
  try {
    (void)eqsr::upscale(ctx, net, image, target);
    FAIL("a budget that nothing fits was accepted");
  } catch (const eqsr::Error& error) {
    CHECK(error.code() == "memory_budget");
    CHECK(std::string(error.what()).find(std::to_string(least.bytes)) != std::string::npos);
  }
}
