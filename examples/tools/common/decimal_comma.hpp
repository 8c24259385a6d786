// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace tool {

/// A sentence for "1,5" and "1,5x2,5": two factors to a list, but one and a half to many people.
inline std::optional<std::string> decimal_comma(const std::string& scales) {
  constexpr std::string_view digits = "0123456789";
  const auto has_comma = [&](std::string_view number) {
    const std::size_t comma = number.find_first_not_of(digits);
    return comma != std::string_view::npos && comma > 0 && number[comma] == ',' &&
           comma + 1 < number.size() &&
           number.find_first_not_of(digits, comma + 1) == std::string_view::npos;
  };
  const std::string_view text = scales;
  const std::size_t cross = text.find_first_of("xX");
  const bool both = cross == std::string_view::npos
                        ? has_comma(text)
                        : has_comma(text.substr(0, cross)) && has_comma(text.substr(cross + 1));
  if (!both) return {};
  std::string point = scales;
  for (char& c : point) c = c == ',' ? '.' : c;
  return "The comma in " + scales + " separates factors: each has a result of its own. For one " +
         "factor write " + point + ".";
}

}  // namespace tool
