// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/attention.hpp>           // AttentionHead
#include <eqsr/layer/window_attention.hpp>  // op::WindowAttention

namespace eqsr::inline EQSR_ABI {

template <>
struct Kernel<op::WindowAttention, Cpu> {
  template <class L>
  using Head = cpu::AttentionHead<L::window, L::window, L::channels / L::heads>;

  template <class L, int C3>
  static std::size_t workspace(int threads, Plane<const float, C3>, const L&, const auto&...) {
    return static_cast<std::size_t>(threads * Head<L>::scratch) * sizeof(float);
  }
  template <int C3, class L, int C>
  static void run(Context<Cpu>& ctx, Plane<const float, C3> qkv, const L& layer, int shift,
                  Plane<float, C> y) {
    constexpr int M = L::window, d = C / L::heads;
    const Index h = qkv.template extent<'h'>(), w = qkv.template extent<'w'>();
    const auto& table = layer.relative_position_bias_table;  // (r, n)
    const auto& bias = layer.prepared.template get<cpu::BiasTable>(table.stamp(), [&] {
      const auto values = table.view();
      return cpu::BiasTable(L::heads, M, M, [&](int head, int dy, int dx) {
        return values((M - 1 - dy) * (2 * M - 1) + M - 1 - dx, head);
      });
    });

    Scope scope(ctx);
    float* scratch = scope.template array<float>(ctx.threads() * Head<L>::scratch);
    const Index across = w / M, windows = h / M * across;
    ctx.parallel_for(windows * L::heads, [&](Index task, int thread) {
      const int head = static_cast<int>(task % L::heads);
      const Index top = task / L::heads / across * M, left = task / L::heads % across * M;
      const auto token = [&](int i) {  // of the plane, for position i of the rolled window
        return (top + i / M + shift) % h * w + (left + i % M + shift) % w;
      };
      const auto source = [&](int i) { return qkv.data() + token(i) * C3 + head * d; };
      const bool cut = shift > 0 && (top + M == h || left + M == w);
      const auto region = [&](int i) {
        return shift_region(top + i / M, h, M, shift) * 3 + shift_region(left + i % M, w, M, shift);
      };
      Head<L> attention(scratch + thread * Head<L>::scratch);
      attention.gather(source, source, C, 2 * C);
      with_isa(ctx.isa(), [&](auto simd) {
        attention.attend(
            simd,
            [&](int i, float* scores) {
              for (int ky = 0; ky < M; ++ky)
                std::copy_n(bias.row(head, i / M, i % M, ky), M, scores + ky * M);
              for (int j = 0; cut && j < M * M; ++j)
                if (region(i) != region(j)) scores[j] += shift_mask;
            },
            [&](int i) { return y.data() + token(i) * C + head * d; });
      });
    });
  }
};

}  // namespace eqsr::inline EQSR_ABI
