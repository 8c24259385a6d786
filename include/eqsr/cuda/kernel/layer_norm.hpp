// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/activation.hpp>  // activate

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// The sum of a number over the lanes of a warp, in every lane.
template <class Exec>
EQSR_DEVICE float warp_sum(Exec& exec, float value) {
  EQSR_UNROLL
  for (int mask = 16; mask > 0; mask /= 2) value += exec.shuffle_xor(value, mask);
  return value;
}

/// Mean and 1/sqrt(variance + epsilon) of a row whose element c is `element(c)`; one warp a row.
template <class Exec, class Element>
EQSR_DEVICE Float2 row_statistics(Exec& exec, int channels, float epsilon, const Element& element) {
  float sum = 0, squares = 0;
  for (int c = exec.lane(); c < channels; c += 32) sum += element(c);
  const float mean = warp_sum(exec, sum) / static_cast<float>(channels);
  for (int c = exec.lane(); c < channels; c += 32) {
    const float d = element(c) - mean;
    squares += d * d;
  }
  const float variance = warp_sum(exec, squares) / static_cast<float>(channels);
  return {{mean, exec.inverse_sqrt(variance + epsilon)}};
}

/// Layer normalisation, one warp a row.
struct LayerNormBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float *x, *weight, *bias;
    float* y;  ///< may be x
    Index count;
    int channels;
    float epsilon;
    Activation activation;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index row = Index{exec.block()} * (max_threads / 32) + exec.warp();
    if (row >= p.count) return;  // the whole warp
    const float* x = p.x + row * p.channels;
    const Float2 s =
        row_statistics(exec, p.channels, p.epsilon, [&](int c) { return exec.load(x + c); });
    for (int c = exec.lane(); c < p.channels; c += 32) {
      const float normal = (exec.load(x + c) - s.v[0]) * s.v[1];
      exec.store(
          p.y + row * p.channels + c,
          activate(exec, p.activation, normal * exec.load(p.weight + c) + exec.load(p.bias + c)));
    }
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
