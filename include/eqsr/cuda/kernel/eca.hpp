// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// A gate from channel means: a convolution over the channels. Where `contract` is given, the means
/// are those of a hidden layer, and go through that product first: the mean of a product is the
/// product of the mean. A block has 32 channels and takes the means that they need, a warp one.
struct EcaBody {
  static constexpr int max_threads = 256, own = 32;
  struct Params {
    const float* mean;      ///< (channels), or (hidden)
    const float* contract;  ///< (channels, hidden) or null
    const float* bias;      ///< (channels), with `contract`
    const float* weight;    ///< (taps), an odd number
    float* gate;            ///< (channels)
    int channels, hidden, taps;
  };
  static constexpr int shared_bytes(int taps) {
    return round_up((own + taps - 1) * float_bytes, 16);
  }

  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const int first = exec.block() * own, count = own + p.taps - 1;
    const auto means = exec.template shared<float>(0, count);
    for (int i = exec.warp(); i < count; i += max_threads / 32) {
      const int c = first + i - p.taps / 2;
      const float mean = c >= 0 && c < p.channels ? mean_of(exec, p, c) : 0.0f;
      if (exec.lane() == 0) means.store(i, mean);
    }
    exec.sync();
    const int c = first + exec.thread();
    if (exec.thread() >= own || c >= p.channels) return;
    double sum = 0;
    for (int k = 0; k < p.taps; ++k)
      sum += static_cast<double>(exec.load(p.weight + k)) *
             static_cast<double>(means.load(exec.thread() + k));
    exec.store(p.gate + c, static_cast<float>(sum));
  }

 private:
  /// In every lane of a warp.
  template <class Exec>
  static EQSR_DEVICE float mean_of(Exec& exec, const Params& p, int c) {
    if (!p.contract) return exec.load(p.mean + c);
    double mean = 0;
    for (int k = exec.lane(); k < p.hidden; k += 32)
      mean += static_cast<double>(exec.load(p.contract + Index{c} * p.hidden + k)) *
              static_cast<double>(exec.load(p.mean + k));
    EQSR_UNROLL
    for (int mask = 16; mask > 0; mask /= 2) mean += exec.shuffle_xor(mean, mask);
    return static_cast<float>(mean + static_cast<double>(exec.load(p.bias + c)));
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
