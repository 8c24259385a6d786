// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/attention.hpp>      // AttentionHead
#include <eqsr/layer/window_attention.hpp>  // op::WindowAttention

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// What window attention needs: the gathered bias, and for each thread a head's work and the
/// regions of a window's tokens.
struct WindowAttentionScratch {
  const BiasTable* bias;
  float* heads;
  int* regions;
};

[[gnu::noinline]] inline void window_attention(Context<Cpu>& ctx,
                                               const WindowAttentionScratch& scratch,
                                               const float* qkv, Index h, Index w,
                                               const AttentionShape& shape, int heads, int shift,
                                               float* y) {
  const int M = shape.window, channels = heads * shape.d, tokens = M * M;
  const Index across = w / M, windows = h / M * across;
  ctx.parallel_for(windows * heads, [&](Index task, int thread) {
    const int head = static_cast<int>(task % heads);
    const Index top = task / heads / across * M, left = task / heads % across * M;
    AttentionHead attention(shape, scratch.heads + thread * shape.scratch());
    int* region = scratch.regions + thread * Index{tokens};
    for (int i = 0; i < tokens; ++i) {
      const Index row = top + i / M, column = left + i % M;  // of the rolled plane
      const Index token = (row + shift) % h * w + (column + shift) % w;
      attention.query[i] = attention.key[i] = qkv + token * 3 * channels + head * shape.d;
      attention.target[i] = y + token * channels + head * shape.d;
      region[i] = shift_region(row, h, M, shift) * 3 + shift_region(column, w, M, shift);
    }
    const bool cut = shift > 0 && (top + M == h || left + M == w);
    attention.gather_queries(0);
    attention.gather_keys(channels);
    attention.gather_values(2 * channels);
    attention.attend(ctx.isa(), *scratch.bias, head, cut ? region : nullptr);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::WindowAttention, Cpu> {
  template <class L>
  static constexpr cpu::AttentionShape shape{L::window, L::window, L::channels / L::heads};

  using Scratch = cpu::WindowAttentionScratch;
  template <class L>
  static Scratch scratch(auto& memory, const auto& /*qkv*/, const L& layer, const auto&...) {
    const auto& table = layer.relative_position_bias_table;  // (r, n)
    const Index threads = memory.context().threads();
    return {
        memory.context().template prepare<cpu::BiasTable>(
            layer.prepared, table.stamp(), cpu::BiasTable::bytes(L::heads, L::window, L::window),
            [&] {
              return cpu::BiasTable(
                  L::heads, L::window, L::window, table.data(),
                  [](int dy, int dx) { return window_bias_index(dy, dx, L::window); });
            }),
        memory.floats(threads * shape<L>.scratch()),
        memory.template array<int>(threads * L::window * L::window)};
  }
  template <int C3, class L, int C>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float, C3> qkv, const L&,
                  int shift, Plane<float, C> y) {
    cpu::window_attention(ctx, scratch, qkv.data(), qkv.template extent<'h'>(),
                          qkv.template extent<'w'>(), shape<L>, L::heads, shift, y.data());
  }
};

}}  // namespace eqsr::EQSR_ABI
