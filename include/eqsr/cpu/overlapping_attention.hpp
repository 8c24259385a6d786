// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/attention.hpp>                // AttentionHead
#include <eqsr/layer/overlapping_attention.hpp>  // op::OverlappingAttention

namespace eqsr::inline EQSR_ABI {

template <>
struct Kernel<op::OverlappingAttention, Cpu> {
  template <class L>
  using Head = cpu::AttentionHead<L::window, L::key_window, L::channels / L::heads>;

  template <class L, int C3>
  static std::size_t workspace(int threads, Plane<const float, C3>, const L&, const auto&...) {
    return static_cast<std::size_t>(threads * Head<L>::scratch) * sizeof(float);
  }
  template <int C3, class L, int C>
  static void run(Context<Cpu>& ctx, Plane<const float, C3> qkv, const L& layer,
                  Plane<float, C> y) {
    constexpr int M = L::window, Mo = L::key_window, d = C / L::heads, margin = (Mo - M) / 2;
    const Index h = qkv.template extent<'h'>(), w = qkv.template extent<'w'>();
    const auto& table = layer.relative_position_bias_table;  // (r, n)
    const auto& bias = layer.prepared.template get<cpu::BiasTable>(table.stamp(), [&] {
      const auto values = table.view();
      return cpu::BiasTable(L::heads, M, Mo, [&](int head, int dy, int dx) {
        return values(overlapping_bias_index(dy, dx, M, Mo), head);
      });
    });

    Scope scope(ctx);
    float* scratch = scope.template array<float>(ctx.threads() * Head<L>::scratch);
    const Index across = w / M, windows = h / M * across;
    ctx.parallel_for(windows * L::heads, [&](Index task, int thread) {
      const int head = static_cast<int>(task % L::heads);
      const Index top = task / L::heads / across * M, left = task / L::heads % across * M;
      const auto token = [&](int i) { return (top + i / M) * w + left + i % M; };
      Head<L> attention(scratch + thread * Head<L>::scratch);
      attention.gather([&](int i) { return qkv.data() + token(i) * C3 + head * d; },
                       [&](int j) -> const float* {
                         const Index row = top + j / Mo - margin, column = left + j % Mo - margin;
                         if (row < 0 || row >= h || column < 0 || column >= w) return nullptr;
                         return qkv.data() + (row * w + column) * C3 + head * d;
                       },
                       C, 2 * C);
      with_isa(ctx.isa(), [&](auto simd) {
        attention.attend(
            simd,
            [&](int i, float* scores) {
              for (int ky = 0; ky < Mo; ++ky)
                std::copy_n(bias.row(head, i / M, i % M, ky), Mo, scores + ky * Mo);
            },
            [&](int i) { return y.data() + token(i) * C + head * d; });
      });
    });
  }
};

}  // namespace eqsr::inline EQSR_ABI
