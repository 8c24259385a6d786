// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/window_block.hpp>         // WindowTask
#include <eqsr/layer/hybrid_attention_block.hpp>  // op::HybridAttentionBlock

#include <numeric>  // gcd
#include <vector>   // vector

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

  static std::size_t bytes(const AttentionShape& shape, int heads) {
    std::size_t sum = BiasTable::bytes(heads, shape.window, shape.window);
    const int step = heads_at_once(shape, heads);
    for (int first = 0; first < heads; first += step)
      sum += PackedWeights::bytes(heads * shape.d,
                                  (std::min)(step, heads - first) * 3 * shape.padded_d());
    return sum;
  }
};
/// What a block needs: its forms, and for each thread a window's work and the regions of its
/// tokens.
struct HybridScratch {
  const HybridWeights* weights;
  WindowBlockForms forms;
  float* windows;
  int* regions;
};

[[gnu::noinline]] inline HybridWeights prepare_hybrid(const AttentionShape& shape, int heads,
                                                      const float* weight, const float* qkv_bias,
                                                      const float* table) {
  HybridWeights result{{}, BiasTable(heads, shape.window, shape.window, table, [&](int dy, int dx) {
                         return window_bias_index(dy, dx, shape.window);
                       })};
  const int step = heads_at_once(shape, heads);
  for (int first = 0; first < heads; first += step)
    result.qkv.push_back(
        pack_heads(shape, heads, first, (std::min)(step, heads - first), 0, 3, weight, qkv_bias));
  return result;
}

/// One visit to each window: nothing else reads or writes its tokens.
[[gnu::noinline]] inline void hybrid_block(Context<Cpu>& ctx, const WindowBlock& block,
                                           const HybridScratch& scratch, int shift, float* x,
                                           Index h, Index w) {
  const AttentionShape& shape = block.shape;
  const int M = shape.window, channels = block.channels(), tokens = M * M;
  const int padded = shape.padded_d(), step = heads_at_once(shape, block.heads);
  const int width = 3 * padded * step;
  const Index each = WindowTask::scratch(shape, block.heads, block.hidden, width);
  const Index across = w / M;
  ctx.parallel_for(h / M * across, [&](Index window, int thread) {
    const Index top = window / across * M, left = window % across * M;
    WindowTask task(ctx.isa(), block, width, scratch.windows + thread * each);
    int* region = scratch.regions + thread * Index{tokens};
    for (int i = 0; i < tokens; ++i)
      region[i] =
          shift_region(top + i / M, h, M, shift) * 3 + shift_region(left + i % M, w, M, shift);
    const bool cut = shift > 0 && (top + M == h || left + M == w);
    const auto token = [&](int i) {  // of the rolled plane
      return x + ((top + i / M + shift) % h * w + (left + i % M + shift) % w) * channels;
    };
    task.enter(token);
    int next = 0;
    for (const PackedWeights& qkv : scratch.weights->qkv) {
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

  using Scratch = cpu::HybridScratch;
  template <class L>
  static Scratch scratch(auto& memory, const L& layer, Plane<float, L::channels>) {
    const auto& attention = layer.attention;
    const auto& table = attention.relative_position_bias_table;  // (r, n)
    const int width = 3 * shape<L>.padded_d() * cpu::heads_at_once(shape<L>, L::heads);
    const Index threads = memory.context().threads();
    return {memory.context().template prepare<cpu::HybridWeights>(
                layer.prepared, newest_stamp(attention.qkv.weight, attention.qkv.bias, table),
                cpu::HybridWeights::bytes(shape<L>, L::heads),
                [&] {
                  return cpu::prepare_hybrid(shape<L>, L::heads, attention.qkv.weight.data(),
                                             attention.qkv.bias.data(), table.data());
                }),
            cpu::window_block_forms(memory.context(), layer),
            memory.floats(threads * cpu::WindowTask::scratch(shape<L>, L::heads, L::hidden, width)),
            memory.template array<int>(threads * L::window * L::window)};
  }
  template <class L>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, const L& layer,
                  Plane<float, L::channels> x) {
    cpu::hybrid_block(ctx, cpu::window_block(layer, shape<L>, scratch.forms, scratch.weights->bias),
                      scratch, layer.shift, x.data(), x.template extent<'h'>(),
                      x.template extent<'w'>());
  }
};

}}  // namespace eqsr::EQSR_ABI
