// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

/// With the two convolutions that predict its kernels.
template <Config config, class B>
void involution(benchmark::State& state) {
  constexpr int C = config.latent;
  const auto layer = filled<eqsr::Involution<C, B>>();
  const Map<C> x(height(state), width(state), "x");
  const Map<9> g(x.h, x.w, "g");
  Map<C> y(x.h, x.w);
  run<B>(state, layer, x.in(), g.in(), y.out());
}

/// The involution alone, with given kernels.
template <Config config, class B>
void involution_core(benchmark::State& state) {
  constexpr int C = config.latent;
  const Map<C> x(height(state), width(state), "x");
  const Map<C / 8 * 9> kernels(x.h, x.w, "kernels");
  const Map<9> g(x.h, x.w, "g");
  Map<C> y(x.h, x.w);
  run<B>(state, Launch<eqsr::op::Involution>(), x.in(), kernels.in(), g.in(), y.out());
}

BENCHMARK(involution<base, Cpu>)->Apply(target);
BENCHMARK(involution<lite, Cpu>)->Apply(target);
BENCHMARK(involution<lite, Reference>)->Apply(small);
BENCHMARK(involution_core<base, Cpu>)->Apply(target);
BENCHMARK(involution_core<lite, Cpu>)->Apply(target);
BENCHMARK(involution_core<lite, Reference>)->Apply(small);
}  // namespace
