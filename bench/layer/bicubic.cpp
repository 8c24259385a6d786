// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

/// A picture half as large in each axis.
template <class B>
void bicubic(benchmark::State& state) {
  const Map<3> x(height(state) / 2, width(state) / 2, "x");
  Map<3> y(height(state), width(state), "y");
  run<B>(state, Launch<eqsr::op::Bicubic>(), x.in(), y.out(), 0, y.h);
}

BENCHMARK(bicubic<Cpu>)->Apply(target);
BENCHMARK(bicubic<Reference>)->Apply(small);
}  // namespace
