// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/window_attention.cuh>        // attention
#include <eqsr/layer/overlapping_attention.hpp>  // op::OverlappingAttention

namespace eqsr { inline namespace EQSR_ABI {
template <>
struct Kernel<op::OverlappingAttention, Cuda> {
  template <int C3, class L, int C>
  static void run(Context<Cuda>& ctx, Plane<const float, C3> qkv, const L& layer,
                  Plane<float, C> y) {
    gpu::attention<C / L::heads>(ctx, {.qkv = qkv.data(),
                                       .table = layer.relative_position_bias_table.data(),
                                       .y = y.data(),
                                       .height = static_cast<int>(extent<'h'>(y)),
                                       .width = static_cast<int>(extent<'w'>(y)),
                                       .heads = L::heads,
                                       .channels = C / L::heads,
                                       .window = L::window,
                                       .key_window = L::key_window,
                                       .shift = 0,
                                       .overlapping = true});
  }
};

}}  // namespace eqsr::EQSR_ABI
