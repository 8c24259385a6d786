// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/attention.hpp>   // AttentionBody
#include <eqsr/cuda/pack.hpp>               // aligned_to
#include <eqsr/layer/window_attention.hpp>  // op::WindowAttention

#include <cmath>  // sqrt

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

/// The largest piece that every head's row of channels can be copied by.
inline int head_piece(const float* qkv, int heads, int channels) {
  for (const int bytes : {16, 8})
    if (channels * float_bytes % bytes == 0 && heads * channels * float_bytes % bytes == 0 &&
        aligned_to(qkv, static_cast<std::size_t>(bytes)))
      return bytes;
  return 4;
}

/// Attention of a whole plane, with heads of D channels.
template <int D>
void attention(Context<Cuda>& ctx, AttentionParams p) {
  static_assert(D <= 64,
                "eqsr: the CUDA attention has heads of up to 64 channels. Use more heads.");
  p.piece = head_piece(p.qkv, p.heads, p.channels);
  p.by_window = Divisor(p.window);
  p.by_key_window = Divisor(p.key_window);
  p.scale = static_cast<float>(1 / std::sqrt(double(p.channels)));
  with_precision(ctx.precision, [&]<Precision P>() {
    using Body = AttentionBody<P, D <= 32 ? 32 : 64>;
    const int M = p.window;
    const typename Body::Layout layout(Body::bias_size(M, p.key_window));
    run<Body>(ctx, Index{p.height / M} * (p.width / M) * ceil_div(M * M, Body::queries), p.heads,
              Body::max_threads, layout.end, p);
  });
}

}  // namespace gpu

template <>
struct Kernel<op::WindowAttention, Cuda> {
  template <int C3, class L, int C>
  static void run(Context<Cuda>& ctx, Plane<const float, C3> qkv, const L& layer, int shift,
                  Plane<float, C> y) {
    gpu::attention<C / L::heads>(ctx, {.qkv = qkv.data(),
                                       .table = layer.relative_position_bias_table.data(),
                                       .y = y.data(),
                                       .height = static_cast<int>(extent<'h'>(y)),
                                       .width = static_cast<int>(extent<'w'>(y)),
                                       .heads = L::heads,
                                       .channels = C / L::heads,
                                       .window = L::window,
                                       .key_window = L::window,
                                       .shift = shift,
                                       .overlapping = false});
  }
};

}}  // namespace eqsr::EQSR_ABI
