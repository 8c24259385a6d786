// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/window_block.hpp>         // WindowTask
#include <eqsr/layer/hybrid_attention_block.hpp>  // op::HybridAttentionBlock

#include <numeric>  // gcd
#include <vector>   // vector

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// Heads whose queries, keys and values are projected at once: whole steps of a product if
/// possible.
inline int heads_at_once(const AttentionShape& shape) {
  constexpr int most = PackedMatrix::columns_at_once;
  return (std::min)(shape.heads, most / std::gcd(most, 3 * shape.padded_d()));
}

/// The packed projections of a block, some heads at a time, and its gathered bias.
struct HybridWeights {
  std::vector<PackedWeights> qkv;
  BiasTable bias;

  static std::size_t bytes(const AttentionShape& shape) {
    std::size_t sum = BiasTable::bytes(shape);
    const int step = heads_at_once(shape);
    for (int first = 0; first < shape.heads; first += step)
      sum += PackedWeights::bytes(shape.channels(),
                                  (std::min)(step, shape.heads - first) * 3 * shape.padded_d());
    return sum;
  }
};
/// What a block needs: its forms, and a window's work for each thread.
struct HybridScratch {
  const HybridWeights* weights;
  WindowBlockForms forms;
  float* windows;
};

[[gnu::noinline]] inline HybridWeights prepare_hybrid(const AttentionShape& shape,
                                                      const float* weight, const float* qkv_bias,
                                                      BiasTable bias) {
  HybridWeights result{{}, std::move(bias)};
  const int step = heads_at_once(shape);
  for (int first = 0; first < shape.heads; first += step)
    result.qkv.push_back(
        pack_heads(shape, first, (std::min)(step, shape.heads - first), 0, 3, weight, qkv_bias));
  return result;
}

/// One visit to each window: nothing else reads or writes its tokens.
[[gnu::noinline]] inline void hybrid_block(Context<Cpu>& ctx, const WindowBlock& block,
                                           const HybridScratch& scratch, int shift,
                                           Plane<float> x) {
  const AttentionShape& shape = block.shape;
  const int tokens = shape.queries(), padded = shape.padded_d();
  const int width = 3 * padded * heads_at_once(shape);
  const Index each = WindowTask::scratch(shape, block.hidden, width);
  for_each_window(ctx, shape, shift, x, 1, [&](const Window& window, int, int thread) {
    WindowTask task(loops_of(ctx.isa()), block, width, scratch.windows + thread * each);
    task.enter(window, x.data());
    int head = 0;
    for (const PackedWeights& qkv : scratch.weights->qkv) {
      dense(loops_of(ctx.isa()), task.rows(task.normed, tokens), qkv, task.projected);
      for (int i = 0; i < tokens; ++i) task.head.key[i] = task.projected + Index{i} * qkv.columns;
      for (int at = 0; at < qkv.columns; at += 3 * padded, ++head) {
        task.head.use_queries(task.projected + at, qkv.columns);
        task.head.gather_keys(at + padded);
        task.head.use_values(task.projected + at + 2 * padded, qkv.columns);
        task.attend(head);
      }
    }
    task.leave(window, x.data());
  });
}

}  // namespace cpu

template <>
struct Kernel<op::HybridAttentionBlock, Cpu> {
  using Scratch = cpu::HybridScratch;
  template <class L>
  static Scratch scratch(auto& memory, const L& layer, Plane<const float>) {
    constexpr const cpu::AttentionShape& shape = cpu::block_shape<L>;
    const auto& attention = layer.attention;
    const auto& qkv = attention.qkv;
    const int width = 3 * shape.padded_d() * cpu::heads_at_once(shape);
    return {memory.context().template prepare<cpu::HybridWeights>(
                layer.prepared,
                newest_stamp(qkv.weight, qkv.bias, attention.relative_position_bias_table),
                cpu::HybridWeights::bytes(shape),
                [&] {
                  return cpu::prepare_hybrid(shape, qkv.weight.data(), qkv.bias.data(),
                                             cpu::bias_table(attention));
                }),
            cpu::window_block_forms(memory.context(), layer),
            memory.floats(memory.context().threads() *
                          cpu::WindowTask::scratch(shape, L::hidden, width))};
  }
  template <class L>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, const L& layer, Plane<float> x) {
    cpu::hybrid_block(ctx, cpu::window_block(layer, scratch.forms, scratch.weights->bias), scratch,
                      layer.shift, x);
  }
};

}}  // namespace eqsr::EQSR_ABI
