// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/activation.hpp>  // activate

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// gate = sigmoid( excite SiLU( squeeze mean ) ); one block.
struct SqueezeExcitationBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float *mean, *squeeze, *excite;
    float* gate;
    int channels, hidden;
  };
  static constexpr int shared_bytes(int hidden) { return round_up(hidden * float_bytes, 16); }

  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const auto inner = exec.template shared<float>(0, p.hidden);
    const auto dot = [&](const float* row, int count, const auto& element) {
      double sum = 0;
      for (int i = 0; i < count; ++i)
        sum += static_cast<double>(exec.load(row + i)) * static_cast<double>(element(i));
      return static_cast<float>(sum);
    };
    for (int o = exec.thread(); o < p.hidden; o += max_threads)
      inner.store(o, activate(exec, Activation::silu,
                              dot(p.squeeze + Index{o} * p.channels, p.channels,
                                  [&](int c) { return exec.load(p.mean + c); })));
    exec.sync();
    for (int c = exec.thread(); c < p.channels; c += max_threads)
      exec.store(p.gate + c, activate(exec, Activation::sigmoid,
                                      dot(p.excite + Index{c} * p.hidden, p.hidden,
                                          [&](int o) { return inner.load(o); })));
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
