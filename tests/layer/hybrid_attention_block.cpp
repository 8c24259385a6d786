// SPDX-License-Identifier: Apache-2.0
#include <eqsr/layer/hybrid_attention_block.hpp>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

namespace {
template <int C, int Heads, int Window, int Hidden>
void compare_hybrid_attention_block(Index down, Index across) {
  eqsr::HybridAttentionBlock<C, Heads, Window, Hidden, Cpu> block;
  fill(block);
  for (const int shift : {0, Window / 2}) {
    block.shift = shift;
    const Map<C> x(down * Window, across * Window, "x");
    CAPTURE(shift);
    CAPTURE(x.h);
    CAPTURE(x.w);
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y = x;
      block.forward(ctx, y.out());
      return y.values;
    }));
    // The composition of its parts is the specification of the fused kernel on the same backend.
    eqsr::Context<Cpu> ctx(2);
    Map<C> fused = x, composed = x;
    block.forward(ctx, fused.out());
    block.compose(ctx, composed.out());
    CHECK(near(fused.values, composed.values, 1e-5));
  }
}
}  // namespace

TEST_CASE("hybrid attention block: fused windows agree with the composition") {
  compare_hybrid_attention_block<8, 1, 2, 8>(1, 3);
  compare_hybrid_attention_block<24, 2, 8, 48>(1, 1);
  compare_hybrid_attention_block<30, 3, 6, 45>(2, 3);
  compare_hybrid_attention_block<48, 4, 8, 96>(2, 1);
  compare_hybrid_attention_block<60, 6, 4, 60>(
      3, 2);  // six heads of ten channels: four at a time, then two
  compare_hybrid_attention_block<36, 1, 4, 20>(1, 2);  // one head of 36 channels
  compare_hybrid_attention_block<180, 6, 16, 360>(1, 2);
}

TEST_CASE("hybrid attention block: the plane must divide into windows") {
  eqsr::HybridAttentionBlock<8, 2, 4, 8, Cpu> block;
  eqsr::Context<Cpu> ctx(1);
  Map<8> x(6, 8, "x");
  CHECK(error_of([&] { block.forward(ctx, x.out()); }).starts_with("shape_mismatch: "));
}

TEST_CASE("hybrid attention block: written parameters count at the next pass") {
  eqsr::HybridAttentionBlock<8, 2, 4, 8, Cpu> block;
  fill(block);
  const Map<8> x(4, 8, "x");
  const auto result = [&] {
    eqsr::Context<Cpu> ctx(1);
    Map<8> y = x;
    block.forward(ctx, y.out());
    return y.values;
  };
  auto before = result();
  const auto changed = [&](auto& tensor) {
    tensor.view().data()[0] += 0.5f;
    const auto after = result();
    const bool differs = !same_bits(after, before);
    before = after;
    return differs;
  };
  CHECK(changed(block.norm1.weight));
  CHECK(changed(block.attention.qkv.weight));
  CHECK(changed(block.attention.qkv.bias));
  CHECK(changed(block.attention.relative_position_bias_table));
  CHECK(changed(block.attention.proj.weight));
  CHECK(changed(block.norm2.bias));
  CHECK(changed(block.mlp.fc1.weight));
  CHECK(changed(block.mlp.fc2.bias));
}
