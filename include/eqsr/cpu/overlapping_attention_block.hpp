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

  static std::size_t bytes(const AttentionShape& shape, int heads) {
    const int C = heads * shape.d;
    return PackedWeights::bytes(C, heads * shape.padded_d()) + PackedWeights::bytes(C, 2 * C) +
           BiasTable::bytes(heads, shape.window, shape.key_window);
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
                                                const OverlappingScratch& scratch, float* x,
                                                Index h, Index w) {
  const OverlappingWeights& weights = *scratch.weights;
  const AttentionShape& shape = block.shape;
  const int M = shape.window, Mo = shape.key_window, margin = (Mo - M) / 2;
  const int channels = block.channels(), padded = shape.padded_d(), width = block.heads * padded;
  float* kv = scratch.kv;
  for_each_chunk(ctx, h * w, rows_per_task, [&](Index begin, Index count, int thread) {
    float* rows = scratch.normed + thread * rows_per_task * channels;
    normalise(ctx.isa(), x + begin * channels, count, channels, block.norm1_weight,
              block.norm1_bias, rows);
    dense(ctx.isa(), rows, count, weights.key_value, kv + begin * 2 * channels);
  });

  const Index each = WindowTask::scratch(shape, block.heads, block.hidden, width);
  const Index across = w / M;
  ctx.parallel_for(h / M * across, [&](Index window, int thread) {
    const Index top = window / across * M, left = window % across * M;
    WindowTask task(ctx.isa(), block, width, scratch.windows + thread * each);
    const auto token = [&](int i) { return x + ((top + i / M) * w + left + i % M) * channels; };
    task.enter(token);
    dense(ctx.isa(), task.normed, M * M, weights.query, task.projected);
    for (int j = 0; j < Mo * Mo; ++j) {
      const Index row = top + j / Mo - margin, column = left + j % Mo - margin;
      const bool outside = row < 0 || row >= h || column < 0 || column >= w;
      task.head.key[j] = outside ? nullptr : kv + (row * w + column) * 2 * channels;
    }
    for (int head = 0; head < block.heads; ++head) {
      task.head.use_queries(task.projected + head * padded, width);
      task.head.gather_keys(head * shape.d);
      task.head.gather_values(channels + head * shape.d);
      task.attend(head, nullptr);
    }
    task.leave(token);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::OverlappingAttentionBlock, Cpu> {
  template <class L>
  static constexpr cpu::AttentionShape shape{L::window, L::key_window, L::channels / L::heads};

  using Scratch = cpu::OverlappingScratch;
  template <class L>
  static Scratch scratch(auto& memory, const L& layer, Plane<float, L::channels> x) {
    const int width = L::heads * shape<L>.padded_d();
    const Index threads = memory.context().threads();
    return {
        prepared(memory.context(), layer), cpu::window_block_forms(memory.context(), layer),
        memory.floats(2 * x.size()), memory.floats(threads * cpu::rows_per_task * L::channels),
        memory.floats(threads * cpu::WindowTask::scratch(shape<L>, L::heads, L::hidden, width))};
  }
  template <class L>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, const L& layer,
                  Plane<float, L::channels> x) {
    cpu::overlapping_block(ctx,
                           cpu::window_block(layer, shape<L>, scratch.forms, scratch.weights->bias),
                           scratch, x.data(), x.template extent<'h'>(), x.template extent<'w'>());
  }

 private:
  template <class L>
  static const cpu::OverlappingWeights* prepared(AnyContext auto& ctx, const L& layer) {
    constexpr int C = L::channels;
    const auto& qkv = layer.attention.qkv;
    const auto& table = layer.attention.relative_position_bias_table;  // (r, n)
    return ctx.template prepare<cpu::OverlappingWeights>(
        layer.prepared, newest_stamp(qkv.weight, qkv.bias, table),
        cpu::OverlappingWeights::bytes(shape<L>, L::heads), [&] {
          const float *weight = qkv.weight.data(), *bias = qkv.bias.data();
          return cpu::OverlappingWeights{
              cpu::pack_heads(shape<L>, L::heads, 0, L::heads, 0, 1, weight, bias),
              cpu::pack(2 * C, C, weight + C * C, bias + C, {.row = C}),
              cpu::BiasTable(L::heads, L::window, L::key_window, table.data(), [](int dy, int dx) {
                return overlapping_bias_index(dy, dx, L::window, L::key_window);
              })};
        });
  }
};

}}  // namespace eqsr::EQSR_ABI
