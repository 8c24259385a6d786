// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "text.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

/// Amounts of memory, as people write them.
namespace tool {

/// "1.3 GB", "720 MB".
inline std::string megabytes(double bytes) {
  char text[32];
  if (bytes >= 1e9)
    std::snprintf(text, sizeof text, "%.1f GB", bytes / 1e9);
  else
    std::snprintf(text, sizeof text, "%.0f MB", bytes / 1e6);
  return text;
}

/// A sixteenth of the bytes that can be counted: sums of some such amounts can be, too.
inline constexpr std::size_t most_megabytes = std::size_t(-1) / 16 / 1'000'000;

/// The bytes of "400M", "1.5G" or "2GiB"; a number alone counts bytes. Nothing for other texts.
inline std::optional<std::size_t> parse_bytes(std::string_view text) {
  double number = 0;
  std::string_view unit = text;
  if (!take_number(unit, number) || !(number >= 0)) return {};
  if (!unit.empty() && (unit.back() == 'B' || unit.back() == 'b')) unit.remove_suffix(1);
  const bool binary = unit.size() == 2 && unit[1] == 'i';
  if (unit.size() > 1 && !binary) return {};
  const std::size_t power = unit.empty() ? 0 : std::string_view("KMGTkmgt").find(unit[0]);
  if (power == std::string_view::npos) return {};
  for (std::size_t i = 0; !unit.empty() && i <= power % 4; ++i) number *= binary ? 1024 : 1000;
  if (number > double(most_megabytes) * 1e6) return {};
  return static_cast<std::size_t>(number);
}

/// The least budget in bytes, a number of megabytes, with which `fits` holds; it must hold with all
/// that are larger. 0 if there is none.
template <class Fits>
std::size_t least_budget(const Fits& fits) {
  constexpr std::size_t megabyte = 1'000'000;
  std::size_t high = 1;
  while (!fits(high * megabyte))
    if ((high *= 2) > most_megabytes) return 0;
  std::size_t low = high / 2;  // does not fit
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    (fits(middle * megabyte) ? high : low) = middle;
  }
  return high * megabyte;
}

/// What to say when `allowed` bytes are not enough for `what`.
template <class Fits>
std::string too_little_memory(const std::string& what, std::size_t allowed, bool given,
                              const Fits& fits) {
  const std::size_t least = least_budget(fits) / 1'000'000;
  const auto in_megabytes = [](std::size_t count) { return std::to_string(count) + " MB"; };
  if (least == 0) return what + " need more memory than there is. Choose a smaller size.";
  return what + " need at least " + in_megabytes(least) + " of memory, but only " +
         in_megabytes(allowed / 1'000'000) + " are allowed" +
         (given ? "" : ", half of what is free") + ". Allow more with --max-memory " +
         std::to_string(least) + "M, or choose a smaller size.";
}

}  // namespace tool
