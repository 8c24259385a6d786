// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"

using namespace eqsr_test;

namespace {
template <int C, int Heads, int Window>
void compare_window_attention(std::initializer_list<std::pair<Index, Index>> sizes) {
  CAPTURE(C);
  CAPTURE(Window);
  for (const auto& size : sizes)
    for (const int shift : {0, Window / 2}) {
      const Index h = size.first, w = size.second;
      CAPTURE(h);
      CAPTURE(w);
      CAPTURE(shift);
      const Map<C> x(h * Window, w * Window, "attn.input");
      on_cuda([&]<class B>(eqsr::Context<B>& ctx, auto& arrays) {
        eqsr::WindowAttention<C, Heads, Window, MemoryOf<B>> layer;
        fill(layer, "attn.");
        const auto y = arrays.copy(x);
        layer.forward(ctx, arrays.in(x), shift, y, {.residual = eqsr::rows(y)});
        return arrays.get(y);
      });
    }
}
}  // namespace

TEST_CASE("cuda window attention: agrees with the specification for awkward windows and heads") {
  compare_window_attention<10, 2, 2>({{1, 1}, {3, 2}});
  compare_window_attention<12, 4, 6>({{1, 3}});
  compare_window_attention<24, 2, 8>({{2, 1}});
  compare_window_attention<48, 4, 8>({{2, 2}});
  compare_window_attention<60, 2, 10>({{1, 2}});
}

TEST_CASE("cuda window attention: wide heads fit the 99 KiB of smaller devices") {
#if !defined(__CUDACC__)
  const Machine machine({.capability = 86, .shared_limit = 99 * 1024});
#endif
  compare_window_attention<80, 2, 8>({{1, 2}});
}

TEST_CASE("cuda window attention: agrees for the published heads and windows") {
  compare_window_attention<180, 6, 16>({{2, 1}});
}

TEST_CASE("cuda window attention: large scores do not overflow") {
  Map<8> x(8, 8, "attn.input");
  for (float& value : x.values) value *= 12;  // scores of some hundreds
  on_cuda(
      [&]<class B>(eqsr::Context<B>& ctx, auto& arrays) {
        eqsr::WindowAttention<8, 1, 4, MemoryOf<B>> layer;
        fill(layer, "attn.");
        const auto y = arrays.template out<8>(8, 8);
        layer.forward(ctx, arrays.in(x), 2, y);
        return arrays.get(y);
      },
      {.float32 = 1e-3, .bf16x3 = 1e-2, .bf16 = 8});
}

#if !defined(__CUDACC__)
TEST_CASE("cuda window attention: quotients by a product are exact") {
  for (int n = 1; n < 256; ++n) {
    const eqsr::gpu::Divisor by(n);
    int wrong = 0;
    for (int i = 0; i < n * n + 128; ++i)
      wrong += by.quotient(i) != i / n || by.remainder(i) != i % n;
    CHECK(wrong == 0);
  }
}
#endif
