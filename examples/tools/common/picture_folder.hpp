// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "formats.hpp"
#include "text.hpp"

namespace tool {

/// The pictures of a folder, and one sentence on what is not taken.
struct PictureFolder {
  std::vector<std::filesystem::path> names;  ///< below the folder, sorted
  std::string left_out;                      ///< empty if nothing is
};

/// Lists a folder by names alone. Hidden files, which are what macOS and others keep beside
/// pictures, are passed over; `except`, where the results go, is not entered; links to folders are
/// not followed.
inline PictureFolder pictures_in(const std::filesystem::path& folder, bool recursive = false,
                                 const std::filesystem::path& except = {}) {
  namespace fs = std::filesystem;
  PictureFolder found;
  std::map<std::string, std::vector<fs::path>> others;
  const auto walk = [&](const auto& self, const fs::path& below) -> void {
    std::error_code failed;
    const fs::directory_iterator entries(folder / below, failed);
    EQSR_EXPECTS(!failed, "usage", printable((folder / below).string()),
                 ": The folder cannot be read: ", failed.message(), ".");
    for (const fs::directory_entry& entry : entries) {
      const fs::path name = below / entry.path().filename();
      if (name.filename().native().starts_with('.')) continue;
      std::error_code unknown;
      const fs::file_status status = entry.status(unknown);
      if (fs::is_directory(status)) {
        if (fs::equivalent(entry.path(), except, unknown)) continue;
        if (entry.is_symlink(unknown))
          others["links to folders"].push_back(name);
        else if (recursive)
          self(self, name);
        else
          others["folders inside it"].push_back(name);
      } else if (!fs::is_regular_file(status)) {
        others[fs::exists(status) ? "pipes and devices" : "links that lead nowhere"].push_back(
            name);
      } else if (is_picture_name(name)) {
        found.names.push_back(name);
      } else {
        others["other formats"].push_back(name);
      }
    }
  };
  walk(walk, {});
  std::sort(found.names.begin(), found.names.end());
  for (auto& [kind, names] : others) {
    std::sort(names.begin(), names.end());
    found.left_out += (found.left_out.empty() ? "" : "; ") + std::to_string(names.size()) + " (" +
                      kind + ": " + printable(names.front().string()) +
                      (names.size() > 1 ? ", ...)" : ")");
  }
  if (!others.empty())
    found.left_out =
        printable(folder.string()) + ": Left out of this folder: " + found.left_out + ".";
  return found;
}

}  // namespace tool
