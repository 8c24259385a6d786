// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

/// With its projections.
template <Config config, class B>
void overlapping_attention(benchmark::State& state) {
  constexpr int C = config.channels;
  const auto layer =
      filled<eqsr::OverlappingAttention<C, config.heads, config.window, config.key_window(), B>>();
  const Map<C> x(height(state), width(state), "x");
  Map<C> y(x.h, x.w);
  run<B>(state, layer, x.in(), y.out());
}

BENCHMARK(overlapping_attention<base, Cpu>)->Apply(tokens);
BENCHMARK(overlapping_attention<lite, Cpu>)->Apply(tokens);
BENCHMARK(overlapping_attention<lite, Reference>)->Apply(small);
}  // namespace
