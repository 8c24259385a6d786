// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/window_block.hpp>              // WindowTask
#include <eqsr/layer/hybrid_attention_block.hpp>  // op::HybridAttentionBlock

#include <vector>  // vector

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// Heads whose queries, keys and values are projected at once: whole panels where possible.
inline int heads_at_once(const AttentionShape& shape, int heads) {
  constexpr int panel = PackedMatrix::panel;
  return (std::min)(heads, panel / std::gcd(panel, 3 * shape.padded_d()));
}

/// The packed projections of a block, some heads at a time, and its gathered bias.
struct HybridWeights {
  std::vector<PackedWeights> qkv;
  BiasTable bias;
};

[[gnu::noinline]] inline HybridWeights prepare_hybrid(const AttentionShape& shape, int heads,
                                                      const float* weight, const float* qkv_bias,
                                                      const float* table) {
  HybridWeights result{{}, BiasTable(heads, shape.window, shape.window, table, [&](int dy, int dx) {
                         return (shape.window - 1 - dy) * (2 * shape.window - 1) + shape.window -
                                1 - dx;
                       })};
  const int step = heads_at_once(shape, heads);
  for (int first = 0; first < heads; first += step)
    result.qkv.push_back(
        pack_heads(shape, heads, first, (std::min)(step, heads - first), 0, 3, weight, qkv_bias));
  return result;
}

/// One visit to each window: nothing else reads or writes its tokens.
[[gnu::noinline]] inline void hybrid_block(Context<Cpu>& ctx, const WindowBlock& block,
                                           const HybridWeights& weights, int shift, float* x,
                                           Index h, Index w) {
  const AttentionShape& shape = block.shape;
  const int M = shape.window, channels = block.channels(), tokens = M * M;
  const int padded = shape.padded_d(), step = heads_at_once(shape, block.heads);
  const int width = 3 * padded * step;
  const Index scratch = WindowTask::scratch(shape, block.heads, block.hidden, width);
  Scope scope(ctx);
  float* memory = scope.array<float>(ctx.threads() * scratch);
  int* regions = scope.array<int>(ctx.threads() * Index{tokens});
  const Index across = w / M;
  ctx.parallel_for(h / M * across, [&](Index window, int thread) {
    const Index top = window / across * M, left = window % across * M;
    WindowTask task(ctx.isa(), block, width, memory + thread * scratch);
    int* region = regions + thread * Index{tokens};
    for (int i = 0; i < tokens; ++i)
      region[i] =
          shift_region(top + i / M, h, M, shift) * 3 + shift_region(left + i % M, w, M, shift);
    const bool cut = shift > 0 && (top + M == h || left + M == w);
    const auto token = [&](int i) {  // of the rolled plane
      return x + ((top + i / M + shift) % h * w + (left + i % M + shift) % w) * channels;
    };
    task.enter(token);
    int next = 0;
    for (const PackedWeights& qkv : weights.qkv) {
      dense(ctx.isa(), task.normed, tokens, qkv, task.projected);
      for (int i = 0; i < tokens; ++i) task.head.key[i] = task.projected + Index{i} * qkv.columns;
      for (int at = 0; at < qkv.columns; at += 3 * padded, ++next) {
        task.head.use_queries(task.projected + at, qkv.columns);
        task.head.gather_keys(at + padded);
        task.head.use_values(task.projected + at + 2 * padded, qkv.columns);
        task.attend(next, cut ? region : nullptr);
      }
    }
    task.leave(token);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::HybridAttentionBlock, Cpu> {
  template <class L>
  static constexpr cpu::AttentionShape shape{L::window, L::window, L::channels / L::heads};

  template <class L>
  static std::size_t workspace(int threads, const L&, const auto&) {
    const int width = 3 * shape<L>.padded_d() * cpu::heads_at_once(shape<L>, L::heads);
    const Index scratch = cpu::WindowTask::scratch(shape<L>, L::heads, L::hidden, width);
    return Arena<Cpu>::rounded(static_cast<std::size_t>(threads * scratch) * sizeof(float)) +
           Arena<Cpu>::rounded(static_cast<std::size_t>(threads) * L::window * L::window *
                               sizeof(int));
  }
  template <class L>
  static void run(Context<Cpu>& ctx, const L& layer, Plane<float, L::channels> x) {
    const auto& attention = layer.attention;
    const auto& table = attention.relative_position_bias_table;  // (r, n)
    const auto stamp = newest_stamp(attention.qkv.weight, attention.qkv.bias, table);
    const auto& weights = layer.prepared.template get<cpu::HybridWeights>(stamp, [&] {
      return cpu::prepare_hybrid(shape<L>, L::heads, attention.qkv.weight.data(),
                                 attention.qkv.bias.data(), table.data());
    });
    cpu::hybrid_block(ctx, cpu::window_block(layer, shape<L>, weights.bias), weights, layer.shift,
                      x.data(), x.template extent<'h'>(), x.template extent<'w'>());
  }
};

}}  // namespace eqsr::EQSR_ABI
