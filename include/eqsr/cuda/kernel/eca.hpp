// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// A gate from channel means: a convolution over the channels. Where `contract` is given, the means
/// are those of a hidden layer, and go through that product first: the mean of a product is the
/// product of the mean. One block.
struct EcaBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float* mean;      ///< (channels), or (hidden)
    const float* contract;  ///< (channels, hidden) or null
    const float* bias;      ///< (channels), with `contract`
    const float* weight;    ///< (taps)
    float* gate;            ///< (channels)
    int channels, hidden, taps;
  };
  static constexpr int shared_bytes(int channels) { return round_up(channels * 4, 16); }

  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const auto means = exec.template shared<float>(0, p.channels);
    for (int c = exec.thread(); c < p.channels; c += max_threads) {
      double mean = 0;
      if (p.contract) {
        for (int k = 0; k < p.hidden; ++k)
          mean += static_cast<double>(exec.load(p.contract + Index{c} * p.hidden + k)) *
                  static_cast<double>(exec.load(p.mean + k));
        mean += static_cast<double>(exec.load(p.bias + c));
      } else {
        mean = static_cast<double>(exec.load(p.mean + c));
      }
      means.store(c, static_cast<float>(mean));
    }
    exec.sync();
    for (int c = exec.thread(); c < p.channels; c += max_threads) {
      double sum = 0;
      for (int k = 0; k < p.taps; ++k) {
        const int from = c + k - p.taps / 2;
        if (from >= 0 && from < p.channels)
          sum +=
              static_cast<double>(exec.load(p.weight + k)) * static_cast<double>(means.load(from));
      }
      exec.store(p.gate + c, static_cast<float>(sum));
    }
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
