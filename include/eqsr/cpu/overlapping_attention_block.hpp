// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/window_block.hpp>              // WindowTask
#include <eqsr/layer/overlapping_attention_block.hpp>  // op::OverlappingAttentionBlock

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// The packed projections of a block and its gathered bias.
struct OverlappingWeights {
  PackedWeights query;      ///< to [head][padded_d]
  PackedWeights key_value;  ///< to [k | v][head][d]
  BiasTable bias;

  static std::size_t bytes(const AttentionShape& shape) {
    const int C = shape.channels();
    return PackedWeights::bytes(C, shape.heads * shape.padded_d()) +
           PackedWeights::bytes(C, 2 * C) + BiasTable::bytes(shape);
  }
};
/// What a block needs: its forms, the keys and values of the plane, and for each thread some
/// normalised rows and a window's work.
struct OverlappingScratch {
  const OverlappingWeights* weights;
  WindowBlockForms forms;
  float *kv, *normed, *windows;
};

/// Keys and values of the whole plane first, since windows read those of their neighbours; then
/// one visit to each window, in place.
[[gnu::noinline]] inline void overlapping_block(Context<Cpu>& ctx, const WindowBlock& block,
                                                const OverlappingScratch& scratch, Plane<float> x) {
  const OverlappingWeights& weights = *scratch.weights;
  const AttentionShape& shape = block.shape;
  const int channels = block.channels(), padded = shape.padded_d(), width = shape.heads * padded;
  float* kv = scratch.kv;
  for_each_chunk(ctx, x.size() / channels, rows_per_task,
                 [&](Index first, Index count, int thread) {
                   float* normed = scratch.normed + thread * rows_per_task * channels;
                   normalise(loops_of(ctx.isa()),
                             Rows<const float>(x.data() + first * channels, count, channels),
                             block.norm1, normed);
                   dense(loops_of(ctx.isa()), Rows<const float>(normed, count, channels),
                         weights.key_value, kv + first * 2 * channels);
                 });

  const Index each = WindowTask::scratch(shape, block.hidden, width);
  for_each_window(ctx, shape, 0, x, 1, [&](const Window& window, int, int thread) {
    WindowTask task(loops_of(ctx.isa()), block, width, scratch.windows + thread * each);
    task.enter(window, x.data());
    dense(loops_of(ctx.isa()), task.rows(task.normed, shape.queries()), weights.query,
          task.projected);
    for (int j = 0; j < shape.keys(); ++j) {
      const Index token = window.key(j);
      task.head.key[j] = token < 0 ? nullptr : kv + token * 2 * channels;
    }
    for (int head = 0; head < shape.heads; ++head) {
      task.head.use_queries(task.projected + head * padded, width);
      task.head.gather_keys(head * shape.d);
      task.head.gather_values(channels + head * shape.d);
      task.attend(head);
    }
    task.leave(window, x.data());
  });
}

}  // namespace cpu

template <>
struct Kernel<op::OverlappingAttentionBlock, Cpu> {
  using Scratch = cpu::OverlappingScratch;
  template <class L>
  static Scratch scratch(auto& memory, const L& layer, Plane<const float> x) {
    constexpr const cpu::AttentionShape& shape = cpu::block_shape<L>;
    const int width = shape.heads * shape.padded_d();
    const Index threads = memory.context().threads();
    return {prepared(memory.context(), layer), cpu::window_block_forms(memory.context(), layer),
            memory.floats(2 * x.size()), memory.floats(threads * cpu::rows_per_task * L::channels),
            memory.floats(threads * cpu::WindowTask::scratch(shape, L::hidden, width))};
  }
  template <class L>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, const L& layer, Plane<float> x) {
    cpu::overlapping_block(ctx, cpu::window_block(layer, scratch.forms, scratch.weights->bias),
                           scratch, x);
  }

 private:
  template <class L>
  static const cpu::OverlappingWeights* prepared(AnyContext auto& ctx, const L& layer) {
    constexpr const cpu::AttentionShape& shape = cpu::block_shape<L>;
    constexpr int C = L::channels;
    const auto& qkv = layer.attention.qkv;
    return ctx.template prepare<cpu::OverlappingWeights>(
        layer.prepared,
        newest_stamp(qkv.weight, qkv.bias, layer.attention.relative_position_bias_table),
        cpu::OverlappingWeights::bytes(shape), [&] {
          const float *weight = qkv.weight.data(), *bias = qkv.bias.data();
          return cpu::OverlappingWeights{cpu::pack_heads(shape, 0, shape.heads, 0, 1, weight, bias),
                                         cpu::pack(2 * C, C, weight + C * C, bias + C, {.row = C}),
                                         cpu::bias_table(layer.attention)};
        });
  }
};

}}  // namespace eqsr::EQSR_ABI
