// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>

#include <memory>
#include <optional>
#include <string>

#include "common/text.hpp"
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

/// The number after `cuda:`, 0 for `cuda` alone, nothing for another word.
inline std::optional<int> cuda_device(const std::string& word) {
  if (word == "cuda") return 0;
  int number = 0;
  if (word.starts_with("cuda:") && parse_number(word.substr(5), number) && number >= 0)
    return number;
  return {};
}

/// The network that the options name. Throws NoDevice.
inline std::unique_ptr<Upscaler> open(eqsr::Context<eqsr::Cpu>& ctx, const Options& options) {
  const std::optional<int> cuda = cuda_device(options.device);
  if (!cuda && options.device != "cpu" && options.device != "-1")
    throw NoDevice("There is no device \"" + options.device + "\" here. Give cpu or cuda.");
#if !defined(EQSR_TOOL_CUDA)
  if (cuda)
    throw NoDevice("This program was built without CUDA, so it has no device \"" + options.device +
                   "\". Build it where nvcc is, or leave out --device.");
#endif
  const std::string path =
      (options.weights.empty() ? find_shipped_weights() : options.weights).string();
#if defined(EQSR_TOOL_CUDA)
  if (cuda) return open_on_cuda(*cuda, options.precision, path, options.encoding, options.sha256);
#endif
  return open_on_cpu(ctx, options, path);
}

}  // namespace tool
