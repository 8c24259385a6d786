// SPDX-License-Identifier: Apache-2.0
#include <eqsr/layer/overlapping_attention_block.hpp>

#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void overlapping_attention_block(benchmark::State& state) {
  constexpr int C = config.channels;
  const auto layer =
      filled<eqsr::OverlappingAttentionBlock<C, config.heads, config.window, config.key_window(),
                                             config.mlp_hidden(), B>>();
  Map<C> x(height(state), width(state), "x");
  run<B>(state, layer, x.out());
}

BENCHMARK(overlapping_attention_block<base, Cpu>)->Apply(tokens);
BENCHMARK(overlapping_attention_block<lite, Cpu>)->Apply(tokens);
BENCHMARK(overlapping_attention_block<lite, Reference>)->Apply(small);
}  // namespace
