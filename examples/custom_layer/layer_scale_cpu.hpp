// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/context.hpp>  // Context<Cpu>
#include <eqsr/cpu/core/eigen.hpp>    // map

#include "layer_scale.hpp"

// Second of three files: the kernel for the CPU, here with Eigen on all threads.
template <>
struct eqsr::Kernel<my::op::LayerScale, eqsr::Cpu> {
  template <int C>
  static void run(eqsr::Context<eqsr::Cpu>& ctx, eqsr::Rows<const float, C> x, const auto& gamma,
                  eqsr::Rows<float, C> y) {
    constexpr eqsr::Index group = 256;  // rows that one task takes
    const eqsr::Index count = eqsr::extent<'m'>(x);
    ctx.parallel_for((count + group - 1) / group, [&](eqsr::Index task, int /*thread*/) {
      const eqsr::Index first = task * group, rows = std::min(group, count - first);
      const eqsr::Rows<const float, C> from(x.data() + first * C, rows);
      const eqsr::Rows<float, C> to(y.data() + first * C, rows);
      eqsr::cpu::map(to).array() =
          eqsr::cpu::map(from).array().rowwise() * eqsr::cpu::map(gamma).transpose();
    });
  }
};
