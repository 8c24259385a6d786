// SPDX-License-Identifier: Apache-2.0
#include <eqsr/layer/adaptive_feature_extractor.hpp>

#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void adaptive_feature_extractor(benchmark::State& state) {
  constexpr int C = config.channels, style = config.encoded();
  const auto layer = filled<eqsr::AdaptiveFeatureExtractor<C, style, config.squeeze_hidden(), B>>();
  const Map<style> s(1, 1, "style");
  const Map<C> x(height(state), width(state), "x");
  Map<C> y(x.h, x.w);
  run<B>(state, layer, x.in(), s.in_channels(), y.out());
}

BENCHMARK(adaptive_feature_extractor<base, Cpu>)->Apply(tokens);
BENCHMARK(adaptive_feature_extractor<lite, Cpu>)->Apply(tokens);
BENCHMARK(adaptive_feature_extractor<lite, Reference>)->Apply(small);
}  // namespace
