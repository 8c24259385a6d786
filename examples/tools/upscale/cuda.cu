// SPDX-License-Identifier: Apache-2.0
// The tool's network on an NVIDIA GPU. The program starts without a driver; only this needs one.
#include <eqsr/eqsr.cuh>

#include "common/weights.hpp"
#include "upscaler.hpp"

namespace tool {

std::unique_ptr<Upscaler> open_on_cuda(int device, const std::string& precision,
                                       const std::string& weights, const std::string& encoding,
                                       const std::string& sha256, bool notes) {
  const auto mode = precision == "bf16"     ? eqsr::Precision::bf16
                    : precision == "bf16x3" ? eqsr::Precision::bf16x3
                                            : eqsr::Precision::float32;
  try {
    auto ctx = std::make_unique<eqsr::Context<eqsr::Cuda>>(device, mode);
    eqsr::Limits limits{.sha256 = sha256};
    if (notes) limits.on_note = note_about_weights;
    const eqsr::StateDict dict = eqsr::StateDict::open(weights, limits);
    std::unique_ptr<Upscaler> upscaler;
    with_configuration(dict, weights, [&]<eqsr::Config config>() {
      auto net = eqsr::load<config>(*ctx, weights, limits);
      const std::string text = eqsr::say(eqsr::parameter_count(net), " parameters; CUDA device ",
                                         device, ", ", precision.empty() ? "float32" : precision);
      upscaler = std::make_unique<DeviceUpscaler<eqsr::Context<eqsr::Cuda>, decltype(net)>>(
          std::move(ctx), std::move(net), encoding, text);
      return 0;
    });
    return upscaler;
  } catch (const eqsr::Error& error) {
    if (error.code() == "no_device") throw NoDevice(error.what());
    throw;
  }
}

}  // namespace tool
