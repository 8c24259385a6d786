// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

/// A picture that lacks seven rows and columns of a multiple of the window.
template <class B>
void reflect_pad(benchmark::State& state) {
  const Map<3> x(height(state) - 7, width(state) - 7, "x");
  Map<3> y(height(state), width(state));
  run<B>(state, Launch<eqsr::op::ReflectPad>(), x.in(), y.out());
}

template <Config config, class B>
void crop(benchmark::State& state) {
  const Map<config.channels> x(height(state), width(state), "x");
  Map<config.channels> y(x.h - 7, x.w - 7);
  run<B>(state, Launch<eqsr::op::Crop>(), x.in(), y.out());
}

BENCHMARK(reflect_pad<Cpu>)->Apply(tokens);
BENCHMARK(reflect_pad<Reference>)->Apply(small);
BENCHMARK(crop<base, Cpu>)->Apply(tokens);
BENCHMARK(crop<lite, Cpu>)->Apply(tokens);
BENCHMARK(crop<lite, Reference>)->Apply(small);
}  // namespace
