// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/bytes.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

/// Foreign text, whole, for people and for JSON, and numbers in it.
namespace tool {

/// Takes the decimal number with a point that `text` begins with off it, if `number` can hold it.
template <class Number>
[[nodiscard]] bool take_number(std::string_view& text, Number& number) {
  if constexpr (std::is_integral_v<Number>) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  } else {  // no tool sets a locale, and libc++ has no from_chars of double
    const std::string digits(text.substr(0, text.find_first_not_of("+-.0123456789eE")));
    if (digits.starts_with('+')) return false;
    char* end = nullptr;
    errno = 0;
    number = std::strtod(digits.c_str(), &end);
    if (end == digits.c_str() || errno == ERANGE) return false;
    text.remove_prefix(static_cast<std::size_t>(end - digits.c_str()));
  }
  return true;
}

/// Whether the whole of `text` is a number with a point that `number` can hold; it is set then.
template <class Number>
[[nodiscard]] bool parse_number(std::string_view text, Number& number) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  return take_number(text, number) && text.empty();
}

/// The text with U+FFFD for each byte that is not UTF-8: names of files may hold any.
inline std::string as_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t count = eqsr::utf8_length(text);
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
    const std::size_t count = std::max<std::size_t>(eqsr::utf8_length(text), 1);
    const std::string_view one = text.substr(0, count);
    const auto first = static_cast<unsigned char>(one[0]);
    const bool control = first < 0x20 || first == 0x7F ||
                         (first == 0xC2 && count == 2 && static_cast<unsigned char>(one[1]) < 0xA0);
    if (control || eqsr::utf8_length(one) == 0) {
      for (const char c : one) out += "\\x" + eqsr::hex({&c, 1});
    } else {
      out += one;
    }
    text.remove_prefix(count);
  }
  return out;
}

}  // namespace tool
