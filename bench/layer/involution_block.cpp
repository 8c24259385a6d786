// SPDX-License-Identifier: Apache-2.0
#include <eqsr/layer/involution_block.hpp>

#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void involution_block(benchmark::State& state) {
  constexpr int C = config.latent;
  const auto layer = filled<eqsr::InvolutionBlock<C, B>>();
  const Map<C> x(height(state), width(state), "x");
  const Map<9> g(x.h, x.w, "g");
  Map<C> y(x.h, x.w);
  run<B>(state, layer, x.in(), g.in(), y.out());
}

BENCHMARK(involution_block<base, Cpu>)->Apply(target);
BENCHMARK(involution_block<lite, Cpu>)->Apply(target);
BENCHMARK(involution_block<lite, Reference>)->Apply(small);
}  // namespace
