// SPDX-License-Identifier: Apache-2.0
#include <eqsr/layer/hybrid_attention_block.hpp>

#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void hybrid_attention_block(benchmark::State& state) {
  constexpr int C = config.channels;
  const auto layer =
      filled<eqsr::HybridAttentionBlock<C, config.heads, config.window, config.mlp_hidden(), B>>();
  Map<C> x(height(state), width(state), "x");
  run<B>(state, layer, x.out());
}

BENCHMARK(hybrid_attention_block<base, Cpu>)->Apply(tokens);
BENCHMARK(hybrid_attention_block<lite, Cpu>)->Apply(tokens);
BENCHMARK(hybrid_attention_block<lite, Reference>)->Apply(small);
}  // namespace
