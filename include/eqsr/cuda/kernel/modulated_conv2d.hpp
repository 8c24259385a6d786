// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// The scale of each output of a modulated convolution, 1/sqrt(sum of (w (m + 1))² + epsilon),
/// from the sums of w² over the taps. One warp an output, in double.
struct DemodulateBody {
  static constexpr int max_threads = 128;
  struct Params {
    const float *squares, *modulation;  ///< (outputs, inputs), (inputs)
    float* scale;                       ///< (outputs)
    int inputs, outputs;
    double epsilon;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const int o = exec.block() * (max_threads / 32) + exec.warp();
    if (o >= p.outputs) return;  // the whole warp
    double sum = 0;
    for (int c = exec.lane(); c < p.inputs; c += 32) {
      const double m = static_cast<double>(exec.load(p.modulation + c)) + 1;
      sum += static_cast<double>(exec.load(p.squares + Index{o} * p.inputs + c)) * m * m;
    }
    EQSR_UNROLL
    for (int mask = 16; mask > 0; mask /= 2) sum += exec.shuffle_xor(sum, mask);
    if (exec.lane() == 0)
      exec.store(p.scale + o, static_cast<float>(1 / exec.sqrt(sum + p.epsilon)));
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
