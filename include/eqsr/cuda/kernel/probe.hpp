// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// Arithmetic that a compiler told to be fast gets wrong.
struct ProbeBody {
  static constexpr int max_threads = 32;
  struct Params {
    float* results;  ///< (3)
    float subnormal, one, large;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    if (exec.thread() != 0) return;
    exec.store(p.results, p.subnormal * p.one);     // flushed to zero
    exec.store(p.results + 1, p.one / p.large);     // an approximate reciprocal
    exec.store(p.results + 2, exec.sine(p.large));  // no range reduction
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
