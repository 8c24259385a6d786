// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

/// The offsets of every row and column of a target image.
template <Config config, class B>
void frequency_encoding(benchmark::State& state) {
  const Map<1> t(1, height(state) + width(state), "t");
  Map<config.encoded()> y(t.h, t.w);
  run<B>(state, Launch<eqsr::op::FrequencyEncoding>(), t.in_rows(), eqsr::Encoding::division,
         y.out_rows());
}

BENCHMARK(frequency_encoding<base, Cpu>)->Apply(target);
BENCHMARK(frequency_encoding<lite, Cpu>)->Apply(target);
BENCHMARK(frequency_encoding<lite, Reference>)->Apply(small);
}  // namespace
