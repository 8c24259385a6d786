// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/weights.hpp"
#include "options.hpp"
#include "upscaler.hpp"

/// From the command line to a network on its device.
namespace tool {

inline std::unique_ptr<Upscaler> open_on_cpu(eqsr::Context<eqsr::Cpu>& ctx, const Options& options,
                                             const std::string& path) {
  const eqsr::Limits limits{.sha256 = options.sha256, .on_note = note_about_weights};
  std::optional<eqsr::StateDict> weights = eqsr::StateDict::open(path, limits);
  std::unique_ptr<Upscaler> upscaler;
  with_configuration(*weights, path, [&]<eqsr::Config config>() {
    weights.reset();  // the memory is better used for pictures
    auto net = eqsr::load<config>(ctx, path, limits);
    const std::string text = eqsr::say(path, ": ", eqsr::parameter_count(net), " parameters; ",
                                       ctx.threads(), " threads");
    upscaler = std::make_unique<NetUpscaler<eqsr::Context<eqsr::Cpu>, decltype(net)>>(
        ctx, std::move(net), options.encoding, text);
    return 0;
  });
  return upscaler;
}

/// The network that the options name, on each device that they name. Throws NoDevice.
inline std::vector<std::unique_ptr<Upscaler>> open(eqsr::Context<eqsr::Cpu>& ctx,
                                                   const Options& options) {
  const std::vector<int> cuda = cuda_devices(options.device);
  if (cuda.empty() && options.device != "cpu" && options.device != "-1")
    throw NoDevice("There is no device \"" + options.device +
                   "\" here. Give cpu, cuda, cuda:1 or, each once, cuda:0,1.");
#if !defined(EQSR_TOOL_CUDA)
  if (!cuda.empty())
    throw NoDevice("This program was built without CUDA, so it has no device \"" + options.device +
                   "\". Build it where nvcc is, or leave out --device.");
#endif
  const std::string path = weights_file(options.weights, options.network);
  std::vector<std::unique_ptr<Upscaler>> upscalers;
#if defined(EQSR_TOOL_CUDA)
  for (const int device : cuda)
    upscalers.push_back(open_on_cuda(device, options.precision, path, options.encoding,
                                     options.sha256, upscalers.empty()));
#endif
  if (cuda.empty()) upscalers.push_back(open_on_cpu(ctx, options, path));
  return upscalers;
}

}  // namespace tool
