// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/weights/pth.hpp>
#include <eqsr/upscale.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "common/names.hpp"
#include "common/path.hpp"
#include "common/system.hpp"

/// Which weights, and which of the compiled networks they belong to.
namespace tool {

/// The shipped networks that are found, by name: `lite` is eqsr-lite.safetensors. They lie beside
/// the installed tool in ../share/eqsr/weights, or in the folder `weights` of the source tree that
/// the build folder lies in; never in the working directory. The nearest to the program counts.
inline std::map<std::string, Path> shipped_networks() {
  namespace fs = std::filesystem;
  const std::string before = "eqsr-", behind = ".safetensors";
  std::map<std::string, Path> found;
  std::error_code error;
  const fs::path program = program_file();
  for (fs::path folder = program.parent_path(); !folder.empty(); folder = folder.parent_path()) {
    for (const char* place : {"share/eqsr/weights", "weights"}) {
      for (fs::directory_iterator entry(folder / place, error), end; entry != end;
           entry.increment(error)) {
        const std::u8string utf8 = entry->path().filename().u8string();
        const std::string name(utf8.begin(), utf8.end());
        if (name.size() > before.size() + behind.size() && name.starts_with(before) &&
            name.ends_with(behind) && entry->is_regular_file(error))
          found.emplace(name.substr(before.size(), name.size() - before.size() - behind.size()),
                        entry->path());
      }
    }
    if (folder == folder.root_path()) break;
  }
  return found;
}

/// The file of weights that the options of a tool name: `weights`, or else that of a shipped
/// network.
inline std::string weights_file(const Path& weights, const std::string& name) {
  if (!weights.empty()) return weights.string();
  const std::map<std::string, Path> found = shipped_networks();
  if (const auto at = found.find(name); at != found.end()) return at->second.string();
  throw eqsr::Error("io_error", "The shipped weights eqsr-" + name +
                                    ".safetensors were not found near the program. Name a file "
                                    "with --weights.");
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

/// The sizes that a file states; 0 is what none of its tensors tells. One tensor that is missing
/// must not hide what the others say: each size is asked of several.
inline Sizes sizes_of(const eqsr::StateDict& weights) {
  const std::string prefix = network_prefix(weights);
  const auto extent = [&](const char* name, std::size_t axis) -> std::int64_t {
    const auto* tensor = weights.find(prefix + name);
    return tensor != nullptr && axis < tensor->shape().size() ? tensor->shape()[axis] : 0;
  };
  Sizes sizes;
  for (const char* name : {"conv_first.weight", "conv_after_body.weight", "norm.weight",
                           "patch_embed.norm.weight", "layers.0.conv.weight"})
    sizes.channels = (std::max)(sizes.channels, extent(name, 0));
  for (const char* name : {"upsample.head.0.weight", "upsample.head.0.bias",
                           "upsample.inv1.conv1.weight", "upsample.inv2.conv1.weight"})
    sizes.latent = (std::max)(sizes.latent, extent(name, 0));
  sizes.inputs = extent("upsample.head.0.weight", 1);
  // Of a shard, which lacks either end, the groups tell nothing.
  if (extent("conv_first.weight", 0) + extent("conv_first.bias", 0) > 0 && sizes.latent > 0)
    for (const std::string start = prefix + "layers.";
         std::any_of(weights.begin(), weights.end(), [&](const auto& entry) {
           return entry.name.starts_with(start + std::to_string(sizes.groups) + ".");
         });)
      ++sizes.groups;
  return sizes;
}

/// What loading noticed, for people.
inline void note_about_weights(const std::string& text) {
  std::fprintf(stderr, "note: %s\n", text.c_str());
}

/// Calls `f` with the compiled configuration that the weights belong to, as far as they say.
template <class F>
int with_configuration(const eqsr::StateDict& weights, const std::string& path, F&& f) {
  const Sizes sizes = sizes_of(weights);
  const auto fits = [&](const Sizes& of) {
    const auto same = [](std::int64_t said, std::int64_t is) { return said == 0 || said == is; };
    return (sizes.channels > 0 || sizes.latent > 0) && same(sizes.channels, of.channels) &&
           same(sizes.latent, of.latent) && same(sizes.inputs, of.inputs) &&
           same(sizes.groups, of.groups);
  };
  if (fits(sizes_of<eqsr::lite>())) return f.template operator()<eqsr::lite>();
  if (fits(sizes_of<eqsr::base>())) return f.template operator()<eqsr::base>();
  if (sizes.channels == 0 && sizes.latent == 0)
    throw eqsr::Error("unknown_network",
                      path +
                          ": These are no EQSR weights: none of the tensors that tell an EQSR "
                          "network, such as conv_first.weight and upsample.head.0.weight, is in "
                          "it, under whatever prefix. Choose another file.");
  throw eqsr::Error("unknown_network",
                    path + ": The network of these weights has " + sizes.text() +
                        "; this program was compiled for " + sizes_of<eqsr::lite>().text() +
                        " (lite) and " + sizes_of<eqsr::base>().text() +
                        " (base). Add its eqsr::Config to examples/tools/common/weights.hpp.");
}

}  // namespace tool
