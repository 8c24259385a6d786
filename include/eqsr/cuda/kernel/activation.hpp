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

/// The same for values in registers: one choice for all of them, so that the code that runs is the
/// code of one activation.
template <std::size_t N, class Exec>
EQSR_DEVICE void activate_all(Exec& exec, Activation kind, float (&x)[N]) {
  const auto all = [&]<Activation K>() {
    EQSR_UNROLL
    for (std::size_t i = 0; i < N; ++i) x[i] = activate(exec, K, x[i]);
  };
  switch (kind) {
    case Activation::relu:
      return all.template operator()<Activation::relu>();
    case Activation::gelu:
      return all.template operator()<Activation::gelu>();
    case Activation::silu:
    case Activation::sigmoid: {  // differ by a factor: one piece of code
      const bool silu = kind == Activation::silu;
      EQSR_UNROLL
      for (std::size_t i = 0; i < N; ++i) x[i] = (silu ? x[i] : 1.0f) / (1 + exec.exp(-x[i]));
      return;
    }
    case Activation::none:
      break;
  }
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
