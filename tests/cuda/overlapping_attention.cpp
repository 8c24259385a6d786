// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"

using namespace eqsr_test;

namespace {
template <int C, int Heads, int Window, int KeyWindow>
void compare_overlapping_attention(Index h, Index w) {
  CAPTURE(C);
  CAPTURE(Window);
  CAPTURE(KeyWindow);
  const Map<C> x(h * Window, w * Window, "overlap.input");
  on_cuda([&]<class B>(eqsr::Context<B>& ctx, auto& arrays) {
    eqsr::OverlappingAttention<C, Heads, Window, KeyWindow, MemoryOf<B>> layer;
    fill(layer, "overlap.");
    const auto y = arrays.copy(x);
    layer.forward(ctx, arrays.in(x), y, {.residual = eqsr::rows(y)});
    return arrays.get(y);
  });
}
}  // namespace

TEST_CASE("cuda overlapping attention: agrees with the specification") {
  compare_overlapping_attention<8, 2, 2, 2>(2, 2);
  compare_overlapping_attention<12, 4, 6, 10>(1, 3);
  compare_overlapping_attention<24, 2, 8, 12>(2, 1);
  compare_overlapping_attention<48, 4, 8, 12>(2, 2);
  compare_overlapping_attention<60, 2, 4, 12>(3, 2);
}

TEST_CASE("cuda overlapping attention: agrees for the published heads and windows") {
  compare_overlapping_attention<180, 6, 16, 24>(1, 2);
}
