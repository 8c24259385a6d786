// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <CLI/CLI.hpp>

#include <map>
#include <string>

#include "common/weights.hpp"

namespace tool {

/// `-n NAME`, one of the shipped networks, for a tool that has an option for a file of weights too.
inline CLI::Option* add_network_option(CLI::App& app, std::string& name, CLI::Option* weights) {
  return app.add_option("-n,--network", name, "Which of the shipped networks; lite if not given")
      ->excludes(weights)
      ->check([](const std::string& wanted) {
        std::string known;
        for (const auto& [shipped, path] : shipped_networks()) {
          if (shipped == wanted) return std::string();
          known += (known.empty() ? "" : ", ") + shipped;
        }
        if (known.empty())
          return std::string(
              "No shipped weights were found near the program. Name a file with --weights.");
        return "There is no network \"" + wanted + "\"; the shipped ones are: " + known + ".";
      });
}

}  // namespace tool
