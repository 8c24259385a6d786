// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/window_block.hpp>                   // WindowTask
#include <eqsr/layer/overlapping_attention_block.hpp>  // op::OverlappingAttentionBlock

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// The packed projections of a block and its gathered bias.
struct OverlappingWeights {
  PackedWeights query;      ///< to [head][padded_d]
  PackedWeights key_value;  ///< to [k | v][head][d]
  BiasTable bias;
};

/// Keys and values of the whole plane first, since windows read those of their neighbours; then
/// one visit to each window, in place.
[[gnu::noinline]] inline void overlapping_block(Context<Cpu>& ctx, const WindowBlock& block,
                                                const OverlappingWeights& weights, float* x,
                                                Index h, Index w) {
  const AttentionShape& shape = block.shape;
  const int M = shape.window, Mo = shape.key_window, margin = (Mo - M) / 2;
  const int channels = block.channels(), padded = shape.padded_d(), width = block.heads * padded;
  Scope scope(ctx);
  float* kv = scope.array<float>(h * w * 2 * channels);
  float* normed = scope.array<float>(ctx.threads() * stretch * channels);
  ctx.parallel_for((h * w + stretch - 1) / stretch, [&](Index task, int thread) {
    const Index begin = task * stretch, count = (std::min)(stretch, h * w - begin);
    float* rows = normed + thread * stretch * channels;
    normalise(ctx.isa(), x + begin * channels, count, channels, block.norm1_weight,
              block.norm1_bias, rows);
    dense(ctx.isa(), rows, count, weights.key_value, kv + begin * 2 * channels);
  });

  const Index scratch = WindowTask::scratch(shape, block.heads, block.hidden, width);
  float* memory = scope.array<float>(ctx.threads() * scratch);
  const Index across = w / M;
  ctx.parallel_for(h / M * across, [&](Index window, int thread) {
    const Index top = window / across * M, left = window % across * M;
    WindowTask task(ctx.isa(), block, width, memory + thread * scratch);
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

  template <class L>
  static std::size_t workspace(int threads, const L&, Plane<float, L::channels> x) {
    const auto bytes = [](Index floats) {
      return Arena<Cpu>::rounded(static_cast<std::size_t>(floats) * sizeof(float));
    };
    const int width = L::heads * shape<L>.padded_d();
    return bytes(2 * x.size()) + bytes(threads * cpu::stretch * L::channels) +
           bytes(threads * cpu::WindowTask::scratch(shape<L>, L::heads, L::hidden, width));
  }
  template <class L>
  static void run(Context<Cpu>& ctx, const L& layer, Plane<float, L::channels> x) {
    constexpr int C = L::channels;
    const auto& qkv = layer.attention.qkv;
    const auto& table = layer.attention.relative_position_bias_table;  // (r, n)
    const auto stamp = newest_stamp(qkv.weight, qkv.bias, table);
    const auto& weights = layer.prepared.template get<cpu::OverlappingWeights>(stamp, [&] {
      const float *weight = qkv.weight.data(), *bias = qkv.bias.data();
      return cpu::OverlappingWeights{
          cpu::pack_heads(shape<L>, L::heads, 0, L::heads, 0, 1, weight, bias),
          cpu::pack(2 * C, C, weight + C * C, bias + C, {.row = C}),
          cpu::BiasTable(L::heads, L::window, L::key_window, table.data(), [](int dy, int dx) {
            return overlapping_bias_index(dy, dx, L::window, L::key_window);
          })};
    });
    cpu::overlapping_block(ctx, cpu::window_block(layer, shape<L>, weights.bias), weights, x.data(),
                           x.template extent<'h'>(), x.template extent<'w'>());
  }
};

}}  // namespace eqsr::EQSR_ABI
