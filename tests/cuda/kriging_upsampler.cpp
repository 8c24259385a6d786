// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
using eqsr::Encoding;
using eqsr::Storage;

namespace {
template <int C, int L, int F>
void compare_kriging_upsampler(Index h, Index w, Index H, Index W,
                               Encoding encoding = Encoding::division) {
  CAPTURE(L);
  CAPTURE(H);
  CAPTURE(W);
  const Map<C> x(h, w, "upsample.input");
  on_cuda([&]<class B>(eqsr::Context<B>& ctx, auto& arrays) {
    eqsr::KrigingUpsampler<C, MemoryOf<B>, L, F> up;
    fill(up, "upsample.");
    const auto y = arrays.template out<3>(H, W);
    up.forward(ctx, arrays.in(x), y, encoding);
    return arrays.get(y);
  });
}
}  // namespace

TEST_CASE("cuda kriging upsampler: the passes over bands agree with the specification") {
  compare_kriging_upsampler<10, 32, 8>(7, 9, 15, 22);
  compare_kriging_upsampler<10, 40, 8>(5, 5, 1, 1);
  compare_kriging_upsampler<48, 64, 10>(4, 6, 9, 17, Encoding::reciprocal);
  compare_kriging_upsampler<24, 256, 40>(3, 4, 7, 9);
  compare_kriging_upsampler<6, 8, 2>(9, 7, 4, 3);
}

TEST_CASE("cuda kriging upsampler: wider ones are composed") {
  compare_kriging_upsampler<6, 264, 2>(2, 1, 2, 3);
}

TEST_CASE("cuda kriging upsampler: every storage policy and band gives the same bits") {
  eqsr::KrigingUpsampler<2, Cuda, 8, 1> up;
  fill(up, "up.");
  const Map<2> x(3, 5, "storage.input");
  for (const auto& [H, W] : {std::pair<Index, Index>{19, 21}, {8, 20}, {33, 3}}) {
    std::vector<float> truth;
    for (const Storage storage : {Storage::both, Storage::one, Storage::none}) {
      CAPTURE(int(storage));
      eqsr::Context<Cuda> ctx;
      ctx.storage = storage;
      ctx.band_height = 8;
      Arrays<Cuda> arrays;
      const auto y = arrays.out<3>(H, W);
      const eqsr::Plan plan = eqsr::plan(ctx, up, arrays.in(x), y);
      ctx.reserve(plan.workspace);
      up.forward(ctx, arrays.in(x), y);
      CHECK(plan.workspace == ctx.arena().peak() + eqsr::arena_alignment);
      const auto result = arrays.get(y);
      if (storage == Storage::both) truth = result;
      ctx.band_height = 0;  // one band
      up.forward(ctx, arrays.in(x), y);
      CHECK(same_bits(arrays.get(y), truth));
    }
  }
}
