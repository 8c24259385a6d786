// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <int In, int Out, class B>
void linear(benchmark::State& state) {
  const auto layer = filled<eqsr::Linear<In, Out, B>>();
  const Map<In> x(height(state), width(state), "x");
  Map<Out> y(x.h, x.w);
  run<B>(state, layer, x.in_rows(), y.out_rows());
}

/// Queries, keys and values of the attention.
template <Config config, class B>
void linear_qkv(benchmark::State& state) {
  linear<config.channels, 3 * config.channels, B>(state);
}

/// The attention's projection.
template <Config config, class B>
void linear_proj(benchmark::State& state) {
  linear<config.channels, config.channels, B>(state);
}

/// The second half of the perceptron: the longest sums of a 1x1 product.
template <Config config, class B>
void linear_fc2(benchmark::State& state) {
  linear<config.mlp_hidden(), config.channels, B>(state);
}

BENCHMARK(linear_qkv<base, Cpu>)->Apply(tokens);
BENCHMARK(linear_qkv<lite, Cpu>)->Apply(tokens);
BENCHMARK(linear_qkv<lite, Reference>)->Apply(small);
BENCHMARK(linear_proj<base, Cpu>)->Apply(tokens);
BENCHMARK(linear_proj<lite, Cpu>)->Apply(tokens);
BENCHMARK(linear_proj<lite, Reference>)->Apply(small);
BENCHMARK(linear_fc2<base, Cpu>)->Apply(tokens);
BENCHMARK(linear_fc2<lite, Cpu>)->Apply(tokens);
BENCHMARK(linear_fc2<lite, Reference>)->Apply(small);
}  // namespace
