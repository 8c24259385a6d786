// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void eca(benchmark::State& state) {
  constexpr int C = config.latent;
  const auto layer = filled<eqsr::Eca<C, B>>();
  const Map<C> x(height(state), width(state), "x"), residual(x.h, x.w, "residual");
  Map<C> y(x.h, x.w);
  run<B>(state, layer, x.in(), y.out(), residual.in_rows());
}

BENCHMARK(eca<base, Cpu>)->Apply(target);
BENCHMARK(eca<lite, Cpu>)->Apply(target);
BENCHMARK(eca<lite, Reference>)->Apply(small);
}  // namespace
