// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec
#include <eqsr/layer/activation.hpp>  // Activation

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

template <class Exec>
EQSR_DEVICE float activate(Exec& exec, Activation kind, float x) {
  switch (kind) {
    case Activation::relu:
      return x < 0 ? 0 : x;  // a NaN stays one
    case Activation::gelu:
      return 0.5f * x * (1 + exec.erf(x * 0.70710678f));
    case Activation::silu:
      return x / (1 + exec.exp(-x));
    case Activation::sigmoid:
      return 1 / (1 + exec.exp(-x));
    case Activation::none:
      break;
  }
  return x;
}

/// y(i) = activation(x(i) + addend(i)); one thread an element.
struct ActivateBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float *x, *addend;  ///< the addend may be null
    float* y;
    Index count;
    Activation kind;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index i = Index{exec.block()} * max_threads + exec.thread();
    if (i >= p.count) return;
    float x = exec.load(p.x + i);
    if (p.addend) x += exec.load(p.addend + i);
    exec.store(p.y + i, activate(exec, p.kind, x));
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
