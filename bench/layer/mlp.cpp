// SPDX-License-Identifier: Apache-2.0
#include <eqsr/layer/mlp.hpp>

#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void mlp(benchmark::State& state) {
  constexpr int C = config.channels;
  const auto layer = filled<eqsr::Mlp<C, config.mlp_hidden(), B>>();
  const Map<C> x(height(state), width(state), "x");
  Map<C> y(x.h, x.w);
  run<B>(state, layer, x.in_rows(), y.out_rows());
}

BENCHMARK(mlp<base, Cpu>)->Apply(tokens);
BENCHMARK(mlp<lite, Cpu>)->Apply(tokens);
BENCHMARK(mlp<lite, Reference>)->Apply(small);
}  // namespace
