// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <cstddef>      // size_t
#include <cstdint>      // uint32_t
#include <string>       // string
#include <string_view>  // string_view

namespace eqsr { inline namespace EQSR_ABI {

/// What a picture file says beside its pixels, in a form that any format can take.
struct ImageMetadata {
  std::string icc_profile;  ///< an ICC profile of RGB, or empty
  std::string exif;         ///< Exif from its TIFF header ("II" or "MM") on, or empty
};

namespace detail {

/// The orientation in a block of Exif, which is a little TIFF, and where its two bytes are;
/// anything odd counts as upright.
struct ExifOrientation {
  int value = 1;
  std::size_t at = 0;
  bool little = false;
};

inline ExifOrientation exif_orientation(std::string_view tiff) {
  ExifOrientation found;
  if (!tiff.starts_with('I') && !tiff.starts_with('M')) return found;
  found.little = tiff[0] == 'I';
  const auto number = [&](std::size_t at, std::size_t count) {  // bytes beyond the end count as 0
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count && at + i < tiff.size(); ++i) {
      const std::uint32_t part = static_cast<unsigned char>(tiff[at + i]);
      value |= part << (8 * (found.little ? i : count - 1 - i));
    }
    return value;
  };
  const std::size_t table = number(4, 4);
  const std::size_t entries = number(table, 2);
  for (std::size_t i = 0; i < entries && table + 14 + 12 * i <= tiff.size(); ++i) {
    const std::size_t entry = table + 2 + 12 * i;
    const auto value = number(entry + 8, 2);
    if (number(entry, 2) == 0x0112 && value >= 1 && value <= 8) {
      found.value = static_cast<int>(value);
      found.at = entry + 8;
    }
  }
  return found;
}

/// The same block for pixels that were turned upright.
inline std::string upright_exif(std::string tiff) {
  if (const ExifOrientation found = exif_orientation(tiff); found.at != 0) {
    tiff[found.at] = found.little ? '\1' : '\0';
    tiff[found.at + 1] = found.little ? '\0' : '\1';
  }
  return tiff;
}

}  // namespace detail
}}  // namespace eqsr::EQSR_ABI
