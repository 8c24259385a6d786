// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/attention.hpp>                // AttentionHead
#include <eqsr/layer/overlapping_attention.hpp>  // op::OverlappingAttention

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

[[gnu::noinline]] inline void overlapping_attention(Context<Cpu>& ctx, const float* qkv, Index h,
                                                    Index w, const AttentionShape& shape, int heads,
                                                    const BiasTable& bias, float* y) {
  const int M = shape.window, Mo = shape.key_window, margin = (Mo - M) / 2;
  const int channels = heads * shape.d;
  Scope scope(ctx);
  float* scratch = scope.array<float>(ctx.threads() * shape.scratch());
  const Index across = w / M, windows = h / M * across;
  ctx.parallel_for(windows * heads, [&](Index task, int thread) {
    const int head = static_cast<int>(task % heads);
    const Index top = task / heads / across * M, left = task / heads % across * M;
    AttentionHead attention(shape, scratch + thread * shape.scratch());
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
    attention.attend(ctx.isa(), bias, head, nullptr);
  });
}

}  // namespace cpu

template <>
struct Kernel<op::OverlappingAttention, Cpu> {
  template <class L>
  static constexpr cpu::AttentionShape shape{L::window, L::key_window, L::channels / L::heads};

  template <class L, int C3>
  static std::size_t workspace(int threads, Plane<const float, C3>, const L&, const auto&...) {
    return static_cast<std::size_t>(threads * shape<L>.scratch()) * sizeof(float);
  }
  template <int C3, class L, int C>
  static void run(Context<Cpu>& ctx, Plane<const float, C3> qkv, const L& layer,
                  Plane<float, C> y) {
    const auto& table = layer.relative_position_bias_table;  // (r, n)
    const auto& bias = layer.prepared.template get<cpu::BiasTable>(table.stamp(), [&] {
      return cpu::BiasTable(L::heads, L::window, L::key_window, table.data(), [](int dy, int dx) {
        return overlapping_bias_index(dy, dx, L::window, L::key_window);
      });
    });
    cpu::overlapping_attention(ctx, qkv.data(), qkv.template extent<'h'>(),
                               qkv.template extent<'w'>(), shape<L>, L::heads, bias, y.data());
  }
};

}}  // namespace eqsr::EQSR_ABI
