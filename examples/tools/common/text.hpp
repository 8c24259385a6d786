// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/bytes.hpp>

#include <algorithm>
#include <string>
#include <string_view>

/// Foreign text, whole, for people and for JSON.
namespace tool {

/// How many bytes the character of UTF-8 at the beginning of `text` has; 0 if none is there.
inline std::size_t utf8_length(std::string_view text) {
  for (std::size_t count = 1; count <= std::min<std::size_t>(4, text.size()); ++count)
    if (eqsr::detail::valid_utf8(text.substr(0, count))) return count;
  return 0;
}

/// The text with U+FFFD for each byte that is not UTF-8: names of files may hold any.
inline std::string as_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t count = utf8_length(text);
    out += count == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, count);
    text.remove_prefix(std::max<std::size_t>(count, 1));
  }
  return out;
}

/// The text as it is, but for what a terminal would obey or cannot show: control characters and
/// bytes that are not UTF-8 appear as \x1b.
inline std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t count = std::max<std::size_t>(utf8_length(text), 1);
    const std::string_view one = text.substr(0, count);
    const auto first = static_cast<unsigned char>(one[0]);
    const bool control = first < 0x20 || first == 0x7F ||
                         (first == 0xC2 && count == 2 && static_cast<unsigned char>(one[1]) < 0xA0);
    if (control || utf8_length(one) == 0) {
      for (const char c : one) out += "\\x" + eqsr::detail::hex_byte(c);
    } else {
      out += one;
    }
    text.remove_prefix(count);
  }
  return out;
}

}  // namespace tool
