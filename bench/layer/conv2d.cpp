// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <int In, int Out, int Taps, class B>
void convolution(benchmark::State& state) {
  const auto layer = filled<eqsr::Conv2d<In, Out, Taps, B>>();
  const Map<In> x(height(state), width(state), "x");
  Map<Out> y(x.h, x.w);
  run<B>(state, layer, x.in(), y.out());
}

/// The convolution at the end of a group.
template <Config config, class B>
void conv2d_3x3(benchmark::State& state) {
  convolution<config.channels, config.channels, 3, B>(state);
}

/// The first convolution, from RGB.
template <Config config, class B>
void conv2d_3x3_first(benchmark::State& state) {
  convolution<3, config.channels, 3, B>(state);
}

/// The convolution that reduces the input of an involution.
template <Config config, class B>
void conv2d_3x3_reduce(benchmark::State& state) {
  convolution<config.latent, config.latent / 4, 3, B>(state);
}

template <Config config, class B>
void conv2d_1x1(benchmark::State& state) {
  convolution<config.latent, 2 * config.latent, 1, B>(state);
}

BENCHMARK(conv2d_3x3<base, Cpu>)->Apply(tokens);
BENCHMARK(conv2d_3x3<lite, Cpu>)->Apply(tokens);
BENCHMARK(conv2d_3x3<lite, Reference>)->Apply(small);
BENCHMARK(conv2d_3x3_first<base, Cpu>)->Apply(tokens);
BENCHMARK(conv2d_3x3_first<lite, Cpu>)->Apply(tokens);
BENCHMARK(conv2d_3x3_first<lite, Reference>)->Apply(small);
BENCHMARK(conv2d_3x3_reduce<base, Cpu>)->Apply(target);
BENCHMARK(conv2d_3x3_reduce<lite, Cpu>)->Apply(target);
BENCHMARK(conv2d_3x3_reduce<lite, Reference>)->Apply(small);
BENCHMARK(conv2d_1x1<base, Cpu>)->Apply(target);
BENCHMARK(conv2d_1x1<lite, Cpu>)->Apply(target);
BENCHMARK(conv2d_1x1<lite, Reference>)->Apply(small);
}  // namespace
