// SPDX-License-Identifier: Apache-2.0
#include <eqsr/net/eqsr.hpp>

#include "common.hpp"

namespace {
using namespace eqsr_bench;

/// The whole network, 64 x 64 pixels enlarged four times.
template <Config config, class B>
void net(benchmark::State& state) {
  const auto layer = filled<eqsr::Net<config, B>>();
  const Map<3> x = eqsr_test::image_map("input", height(state), width(state));
  Map<3> y(4 * x.h, 4 * x.w);
  run<B>(state, layer, x.in(), y.out());
}

void few(benchmark::internal::Benchmark* bench) {
  tokens(bench);
  bench->Iterations(3)->Unit(benchmark::kMillisecond);
}

BENCHMARK(net<base, Cpu>)->Apply(few);
BENCHMARK(net<lite, Cpu>)->Apply(few);
}  // namespace
