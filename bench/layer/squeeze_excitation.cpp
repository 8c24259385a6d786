// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void squeeze_excitation(benchmark::State& state) {
  constexpr int C = config.channels;
  const auto layer = filled<eqsr::SqueezeExcitation<C, config.squeeze_hidden(), B>>();
  const Map<C> x(height(state), width(state), "x");
  Map<C> y(x.h, x.w);
  run<B>(state, layer, x.in(), y.out());
}

BENCHMARK(squeeze_excitation<base, Cpu>)->Apply(tokens);
BENCHMARK(squeeze_excitation<lite, Cpu>)->Apply(tokens);
BENCHMARK(squeeze_excitation<lite, Reference>)->Apply(small);
}  // namespace
