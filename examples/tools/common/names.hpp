// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/weights/load_into.hpp>

#include <string>
#include <vector>

namespace tool {

/// What stands before the names of an EQSR network in a file, such as `net_g.`; empty if nothing
/// does. Asked of many tensors, since some may be missing.
inline std::string network_prefix(const eqsr::StateDict& weights) {
  std::vector<std::string> known{
      "conv_first.weight",      "conv_after_body.weight", "norm.weight",
      "upsample.head.0.weight", "upsample.head.0.bias",   "upsample.inv1.conv1.weight",
      "upsample.to_rgb.1.bias", "patch_embed.norm.weight"};
  constexpr int most_groups = 12;  // as many as eqsr::Config has room for
  for (int group = 0; group < most_groups; ++group)
    known.push_back("layers." + std::to_string(group) + ".conv.weight");
  return eqsr::prefix_of(weights, known);
}

}  // namespace tool
