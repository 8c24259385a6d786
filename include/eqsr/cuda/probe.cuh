// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/probe.hpp>  // ProbeBody
#include <eqsr/cuda/launch.hpp>        // run

#include <cmath>  // sin

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

[[gnu::weak]] void probe_arithmetic(Context<Cuda>& ctx) {
  constexpr float subnormal = 1e-40f, large = 1e9f + 64;
  Tensor<Cuda, float, Axis<'m', 3>> results;
  run<ProbeBody>(ctx, 1, 1, 32, 0,
                 {.results = results.data(), .subnormal = subnormal, .one = 1.0f, .large = large});
  ctx.sync();
  float found[3];
  results.copy_to_host(found);
  const bool exact = found[0] == subnormal && found[1] == 1.0f / large &&
                     std::abs(found[2] - static_cast<float>(std::sin(double{large}))) < 1e-6f;
  EQSR_EXPECTS(exact, "fast_math_detected",
               "The CUDA kernels were compiled with --use_fast_math or one of its parts, which "
               "breaks the rounding that pretrained weights depend on. Compile without it.");
}

}}}  // namespace eqsr::EQSR_ABI::gpu
