// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/attention.hpp>           // AttentionHead
#include <eqsr/layer/overlapping_attention.hpp>  // op::OverlappingAttention

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// What overlapping attention needs: the gathered bias, and a head's work for each thread.
struct OverlappingAttentionScratch {
  const BiasTable* bias;
  float* heads;
};

[[gnu::noinline]] inline void overlapping_attention(Context<Cpu>& ctx,
                                                    const OverlappingAttentionScratch& scratch,
                                                    const float* qkv, Index h, Index w,
                                                    const AttentionShape& shape, int heads,
                                                    float* y) {
  const int M = shape.window, Mo = shape.key_window, margin = (Mo - M) / 2;
  const int channels = heads * shape.d;
  const Index across = w / M, windows = h / M * across;
  ctx.parallel_for(windows * heads, [&](Index task, int thread) {
    const int head = static_cast<int>(task % heads);
    const Index top = task / heads / across * M, left = task / heads % across * M;
    AttentionHead attention(shape, scratch.heads + thread * shape.scratch());
    const float* source = qkv + head * shape.d;
    for (int i = 0; i < M * M; ++i) {
      const Index token = (top + i / M) * w + left + i % M;
      attention.query[i] = source + token * 3 * channels;
      attention.target[i] = y + token * channels + head * shape.d;
    }
    for (int j = 0; j < Mo * Mo; ++j) {
      const Index row = top + j / Mo - margin, column = left + j % Mo - margin;
      const bool outside = row < 0 || row >= h || column < 0 || column >= w;
      attention.key[j] = outside ? nullptr : source + (row * w + column) * 3 * channels;
    }
    attention.gather_queries(0);
    attention.gather_keys(channels);
    attention.gather_values(2 * channels);
    attention.attend(ctx.isa(), *scratch.bias, head, nullptr);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::OverlappingAttention, Cpu> {
  template <class L>
  static constexpr cpu::AttentionShape shape{L::window, L::key_window, L::channels / L::heads};

  using Scratch = cpu::OverlappingAttentionScratch;
  template <class L>
  static Scratch scratch(auto& memory, const auto& /*qkv*/, const L& layer, const auto&...) {
    const auto& table = layer.relative_position_bias_table;  // (r, n)
    return {memory.context().template prepare<cpu::BiasTable>(
                layer.prepared, table.stamp(),
                cpu::BiasTable::bytes(L::heads, L::window, L::key_window),
                [&] {
                  return cpu::BiasTable(
                      L::heads, L::window, L::key_window, table.data(), [](int dy, int dx) {
                        return overlapping_bias_index(dy, dx, L::window, L::key_window);
                      });
                }),
            memory.floats(memory.context().threads() * shape<L>.scratch())};
  }
  template <int C3, class L, int C>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float, C3> qkv, const L&,
                  Plane<float, C> y) {
    cpu::overlapping_attention(ctx, scratch, qkv.data(), qkv.template extent<'h'>(),
                               qkv.template extent<'w'>(), shape<L>, L::heads, y.data());
  }
};

}}  // namespace eqsr::EQSR_ABI
