// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/attention.hpp>           // AttentionHead
#include <eqsr/layer/window_attention.hpp>  // op::WindowAttention

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

[[gnu::noinline]] inline void window_attention(Context<Cpu>& ctx, const float* qkv, Index h,
                                               Index w, const AttentionShape& shape, int heads,
                                               int shift, const BiasTable& bias, float* y) {
  const int M = shape.window, channels = heads * shape.d, tokens = M * M;
  Scope scope(ctx);
  float* scratch = scope.array<float>(ctx.threads() * shape.scratch());
  int* regions = scope.array<int>(ctx.threads() * Index{tokens});
  const Index across = w / M, windows = h / M * across;
  ctx.parallel_for(windows * heads, [&](Index task, int thread) {
    const int head = static_cast<int>(task % heads);
    const Index top = task / heads / across * M, left = task / heads % across * M;
    AttentionHead attention(shape, scratch + thread * shape.scratch());
    int* region = regions + thread * Index{tokens};
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
    attention.attend(ctx.isa(), bias, head, cut ? region : nullptr);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::WindowAttention, Cpu> {
  template <class L>
  static constexpr cpu::AttentionShape shape{L::window, L::window, L::channels / L::heads};

  template <class L, int C3>
  static std::size_t workspace(int threads, Plane<const float, C3>, const L&, const auto&...) {
    const auto count = static_cast<std::size_t>(threads);
    return Arena<Cpu>::rounded(count * static_cast<std::size_t>(shape<L>.scratch()) * 4) +
           Arena<Cpu>::rounded(count * L::window * L::window * sizeof(int));
  }
  template <int C3, class L, int C>
  static void run(Context<Cpu>& ctx, Plane<const float, C3> qkv, const L& layer, int shift,
                  Plane<float, C> y) {
    const auto& table = layer.relative_position_bias_table;  // (r, n)
    const auto& bias = layer.prepared.template get<cpu::BiasTable>(table.stamp(), [&] {
      return cpu::BiasTable(L::heads, L::window, L::window, table.data(), [](int dy, int dx) {
        return (L::window - 1 - dy) * (2 * L::window - 1) + L::window - 1 - dx;
      });
    });
    cpu::window_attention(ctx, qkv.data(), qkv.template extent<'h'>(), qkv.template extent<'w'>(),
                          shape<L>, L::heads, shift, bias, y.data());
  }
};

}}  // namespace eqsr::EQSR_ABI
