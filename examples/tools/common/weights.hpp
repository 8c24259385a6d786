// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/upscale.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>

/// Which weights, and which of the compiled networks they belong to.
namespace tool {

inline constexpr const char* shipped_weights = "eqsr-lite.safetensors";

/// The shipped weights: beside the installed tool in ../share/eqsr/weights, or in the folder
/// `weights` of the source tree that the build folder lies in. Never the working directory.
inline std::filesystem::path find_shipped_weights() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (fs::path folder = program.parent_path(); !folder.empty(); folder = folder.parent_path()) {
    for (const char* place : {"share/eqsr/weights", "weights"}) {
      const fs::path candidate = folder / place / shipped_weights;
      if (fs::is_regular_file(candidate, error)) return candidate;
    }
    if (folder == folder.root_path()) break;
  }
  throw eqsr::Error("io_error", "The shipped weights " + std::string(shipped_weights) +
                                    " were not found near the program. Name a file with "
                                    "--weights.");
}

/// The first sizes that tell networks apart, as the tensors of a file state them.
struct Sizes {
  std::int64_t channels = 0, latent = 0, inputs = 0, groups = 0;
  bool operator==(const Sizes&) const = default;

  [[nodiscard]] std::string text() const {
    return eqsr::say(channels, " channels, ", groups, " groups, an upsampler of ", latent,
                     " channels with ", (inputs - channels - 2) / 4, " frequencies");
  }
};

template <eqsr::Config config>
constexpr Sizes sizes_of() {
  return {config.channels, config.latent, config.channels + 2 * config.encoded(), config.groups()};
}

inline Sizes sizes_of(const eqsr::StateDict& weights) {
  Sizes sizes;
  const auto extent = [&](const char* name, std::size_t axis) -> std::int64_t {
    const auto* tensor = weights.find(name);
    return tensor != nullptr && axis < tensor->shape().size() ? tensor->shape()[axis] : 0;
  };
  sizes.channels = extent("conv_first.weight", 0);
  sizes.latent = extent("upsample.head.0.weight", 0);
  sizes.inputs = extent("upsample.head.0.weight", 1);
  while (weights.contains("layers." + std::to_string(sizes.groups) + ".conv.weight"))
    ++sizes.groups;
  return sizes;
}

/// Calls `f` with the compiled configuration that the weights belong to.
template <class F>
int with_configuration(const eqsr::StateDict& weights, const std::string& path, F&& f) {
  const Sizes sizes = sizes_of(weights);
  if (sizes == sizes_of<eqsr::lite>()) return f.template operator()<eqsr::lite>();
  if (sizes == sizes_of<eqsr::base>()) return f.template operator()<eqsr::base>();
  if (sizes.channels == 0 || sizes.latent == 0)
    throw eqsr::Error("unknown_network",
                      path +
                          ": These are no EQSR weights: the tensors conv_first.weight and "
                          "upsample.head.0.weight are missing. Choose another file.");
  throw eqsr::Error("unknown_network",
                    path + ": The network of these weights has " + sizes.text() +
                        "; this program was compiled for " + sizes_of<eqsr::lite>().text() +
                        " (lite) and " + sizes_of<eqsr::base>().text() +
                        " (base). Add its eqsr::Config to examples/tools/common/weights.hpp.");
}

}  // namespace tool
