// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/attention.hpp>           // attention
#include <eqsr/layer/overlapping_attention.hpp>  // op::OverlappingAttention

namespace eqsr { inline namespace EQSR_ABI {

/// Alone; inside a block see cpu/core/window_block.hpp.
template <>
struct Kernel<op::OverlappingAttention, Cpu> {
  using Scratch = cpu::AttentionScratch;
  static Scratch scratch(auto& memory, const auto& /*qkv*/, const auto& layer, const auto&...) {
    return cpu::attention_scratch(memory, layer);
  }
  template <class L>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float> qkv, const L&,
                  Plane<float> y) {
    cpu::attention(ctx, scratch, cpu::attention_shape<L>, 0, qkv, y);
  }
};

}}  // namespace eqsr::EQSR_ABI
