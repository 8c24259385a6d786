// SPDX-License-Identifier: Apache-2.0
#include <eqsr/layer/overlapping_attention_block.hpp>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

namespace {
template <int C, int Heads, int Window, int KeyWindow, int Hidden>
void compare_overlapping_attention_block(Index down, Index across) {
  eqsr::OverlappingAttentionBlock<C, Heads, Window, KeyWindow, Hidden, Cpu> block;
  fill(block);
  const Map<C> x(down * Window, across * Window, "x");
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
}  // namespace

TEST_CASE("overlapping attention block: fused windows agree with the composition") {
  compare_overlapping_attention_block<8, 1, 2, 2, 8>(1, 3);
  compare_overlapping_attention_block<24, 2, 8, 12, 48>(1, 1);
  compare_overlapping_attention_block<30, 3, 6, 12, 45>(2, 3);
  compare_overlapping_attention_block<48, 4, 8, 12, 96>(2, 1);
  compare_overlapping_attention_block<60, 6, 4, 8, 60>(3, 2);
  compare_overlapping_attention_block<36, 1, 4, 12, 20>(1, 2);  // keys from three windows away
  compare_overlapping_attention_block<180, 6, 16, 24, 360>(1, 2);
}

TEST_CASE("overlapping attention block: the plane must divide into windows") {
  eqsr::OverlappingAttentionBlock<8, 2, 4, 6, 8, Cpu> block;
  eqsr::Context<Cpu> ctx(1);
  Map<8> x(6, 8, "x");
  CHECK(error_of([&] { block.forward(ctx, x.out()); }).starts_with("shape_mismatch: "));
}

TEST_CASE("overlapping attention block: written parameters count at the next pass") {
  eqsr::OverlappingAttentionBlock<8, 2, 4, 6, 8, Cpu> block;
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
