// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void layer_norm(benchmark::State& state) {
  const auto layer = filled<eqsr::LayerNorm<config.channels, B>>();
  const Map<config.channels> x(height(state), width(state), "x");
  Map<config.channels> y(x.h, x.w);
  run<B>(state, layer, x.in_rows(), y.out_rows());
}

/// Followed by GELU, as in the adaptive feature extractor.
template <Config config, class B>
void layer_norm_gelu(benchmark::State& state) {
  const auto layer = filled<eqsr::LayerNorm<config.channels, B>>();
  const Map<config.channels> x(height(state), width(state), "x");
  Map<config.channels> y(x.h, x.w);
  run<B>(state, layer, x.in_rows(), y.out_rows(), eqsr::Activation::gelu);
}

BENCHMARK(layer_norm<base, Cpu>)->Apply(tokens);
BENCHMARK(layer_norm<lite, Cpu>)->Apply(tokens);
BENCHMARK(layer_norm<lite, Reference>)->Apply(small);
BENCHMARK(layer_norm_gelu<base, Cpu>)->Apply(tokens);
BENCHMARK(layer_norm_gelu<lite, Cpu>)->Apply(tokens);
BENCHMARK(layer_norm_gelu<lite, Reference>)->Apply(small);
}  // namespace
