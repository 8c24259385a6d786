// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <string>
#include <utility>

namespace tool {

/// A path whose text is UTF-8 on every system; std::filesystem::path takes a system's own encoding.
struct Path : std::filesystem::path {
  Path() = default;
  Path(std::filesystem::path other) : std::filesystem::path(std::move(other)) {}
  Path(const std::string& utf8) : std::filesystem::path(std::u8string(utf8.begin(), utf8.end())) {}
  Path(const char* utf8) : Path(std::string(utf8)) {}
};

}  // namespace tool
