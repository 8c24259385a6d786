// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void attention(benchmark::State& state, int shift) {
  constexpr int C = config.channels;
  const auto layer = filled<eqsr::WindowAttention<C, config.heads, config.window, B>>();
  const Map<C> x(height(state), width(state), "x");
  Map<C> y(x.h, x.w);
  run<B>(state, layer, x.in(), shift, y.out());
}

/// With its projections.
template <Config config, class B>
void window_attention(benchmark::State& state) {
  attention<config, B>(state, 0);
}

template <Config config, class B>
void window_attention_shifted(benchmark::State& state) {
  attention<config, B>(state, config.window / 2);
}

/// The attention alone, of tokens that are projected already.
template <Config config, class B>
void window_attention_core(benchmark::State& state) {
  constexpr int C = config.channels;
  const auto layer = filled<eqsr::WindowAttention<C, config.heads, config.window, B>>();
  const Map<3 * C> qkv(height(state), width(state), "qkv");
  Map<C> y(qkv.h, qkv.w);
  run<B>(state, Launch<eqsr::op::WindowAttention>(), qkv.in(), layer, 0, y.out());
}

BENCHMARK(window_attention<base, Cpu>)->Apply(tokens);
BENCHMARK(window_attention<lite, Cpu>)->Apply(tokens);
BENCHMARK(window_attention<lite, Reference>)->Apply(small);
BENCHMARK(window_attention_shifted<base, Cpu>)->Apply(tokens);
BENCHMARK(window_attention_shifted<lite, Cpu>)->Apply(tokens);
BENCHMARK(window_attention_shifted<lite, Reference>)->Apply(small);
BENCHMARK(window_attention_core<base, Cpu>)->Apply(tokens);
BENCHMARK(window_attention_core<lite, Cpu>)->Apply(tokens);
BENCHMARK(window_attention_core<lite, Reference>)->Apply(small);
}  // namespace
