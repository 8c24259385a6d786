// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void modulated_conv2d(benchmark::State& state) {
  constexpr int C = config.channels, style = config.encoded();
  const auto layer = filled<eqsr::ModulatedConv2d<C, C, style, B>>();
  const Map<style> s(1, 1, "style");
  const Map<C> x(height(state), width(state), "x");
  Map<C> y(x.h, x.w);
  run<B>(state, layer, x.in(), s.in_channels(), y.out());
}

BENCHMARK(modulated_conv2d<base, Cpu>)->Apply(tokens);
BENCHMARK(modulated_conv2d<lite, Cpu>)->Apply(tokens);
BENCHMARK(modulated_conv2d<lite, Reference>)->Apply(small);
}  // namespace
