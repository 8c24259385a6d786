// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>         // joined
#include <eqsr/core/function_ref.hpp>  // FunctionRef

#include <algorithm>    // min
#include <cmath>        // nearbyint
#include <cstddef>      // size_t
#include <cstdint>      // uint32_t
#include <string>       // string
#include <string_view>  // string_view
#include <vector>       // vector

namespace eqsr { inline namespace EQSR_ABI {

/// How many pixels a length takes; no lengths: only the shape of a pixel, x : y.
struct ImageDensity {
  enum class Unit : unsigned char { none, inch, centimetre, metre };
  std::uint32_t x = 0, y = 0;  ///< 0: nothing is said
  Unit unit = Unit::none;
};

/// A chunk of a PNG that says how its samples are shown: cICP, gAMA, cHRM, sRGB, mDCV or cLLI.
struct ColourChunk {
  std::string kind, body;
};

/// What a picture file says beside its pixels, in a form that any format can take.
struct ImageMetadata {
  std::string icc_profile;  ///< an ICC profile of RGB, of grey for a grey picture, or empty
  std::string exif;         ///< Exif from its TIFF header ("II" or "MM") on, or empty
  ImageDensity density{};
  std::vector<ColourChunk> colour{};  ///< only PNG has a place for them
};

/// The formats that pictures are written in.
enum class PictureFormat { png, jpeg, webp, pfm };

namespace detail {

/// Whether a block of Exif is the little TIFF that it must be.
inline bool sound_exif(std::string_view exif) {
  using namespace std::string_view_literals;
  return exif.size() >= 8 && (exif.starts_with("II*\0"sv) || exif.starts_with("MM\0*"sv));
}

/// Whether a profile is one, of RGB or of grey.
inline bool sound_profile(std::string_view profile, bool grey) {
  return profile.size() >= 132 && profile.substr(36, 4) == "acsp" &&
         profile.substr(16, 4) == (grey ? "GRAY" : "RGB ");
}

/// Whether a chunk of this kind says how samples are shown, and may have this body.
[[gnu::cold]] inline bool is_colour_chunk(std::string_view kind) {
  for (const char* other : {"cICP", "gAMA", "cHRM", "sRGB", "mDCV", "cLLI"})
    if (kind == other) return true;
  return false;
}
[[gnu::cold]] inline bool sound_colour_chunk(std::string_view kind, std::string_view body) {
  using namespace std::string_view_literals;
  const unsigned first = body.empty() ? 255 : static_cast<unsigned char>(body[0]);
  if (kind == "gAMA") return body.size() == 4 && body != "\0\0\0\0"sv && first < 128;
  if (kind == "sRGB") return body.size() == 1 && first <= 3;
  if (kind == "cICP") return body.size() == 4;
  return is_colour_chunk(kind) && body.size() == (kind == "cHRM" ? 32U : kind == "mDCV" ? 24U : 8U);
}

}  // namespace detail

/// What a file of this format can hold of the metadata, of a picture that is grey or not. The rest
/// is dropped, each part with a note: a damaged block never costs the picture.
[[gnu::cold]] inline ImageMetadata writable_metadata(ImageMetadata metadata, PictureFormat format,
                                                     bool grey,
                                                     FunctionRef<void(const std::string&)> note) {
  constexpr std::size_t jpeg_exif = 65527, jpeg_profile = std::size_t{255} * 65519;
  auto& [profile, exif, density, colour] = metadata;
  if (format == PictureFormat::pfm) {
    if (!profile.empty() || !exif.empty() || !colour.empty())
      note("PFM has no place for profiles and Exif; they are dropped.");
    return {};
  }
  if (!exif.empty() && !detail::sound_exif(exif)) {
    note("The block of Exif is damaged; it is dropped.");
    exif.clear();
  }
  if (format == PictureFormat::jpeg && exif.size() > jpeg_exif) {
    note("The block of Exif is too large for JPEG; it is dropped.");
    exif.clear();
  }
  if (!profile.empty() && !detail::sound_profile(profile, grey)) {
    note(grey ? "The colour profile is damaged or not one of grey; it is dropped."
              : "The colour profile is damaged or not one of RGB; it is dropped.");
    profile.clear();
  }
  if (format == PictureFormat::jpeg && profile.size() > jpeg_profile) {
    note("The colour profile is too large for JPEG; it is dropped.");
    profile.clear();
  }
  std::string dropped;
  bool damaged = false, is_srgb = false;
  for (const auto& [kind, body] : colour) {
    damaged = damaged || !detail::sound_colour_chunk(kind, body);
    is_srgb = is_srgb || kind == "sRGB";
    dropped.append(dropped.empty() ? "" : ", ").append(kind);
  }
  if (damaged) {
    note("What it says about its colours is damaged; it is dropped.");
    colour.clear();
  } else if (format != PictureFormat::png && !colour.empty()) {
    // Without a word about them, colours count as sRGB.
    if (!is_srgb || dropped.find("cICP") != std::string::npos)
      note(detail::joined({"Only PNG has a place for ", dropped, "; colours may look different."}));
    colour.clear();
  }
  return metadata;
}

namespace detail {

/// Pixels a metre, as PNG has them; nothing for a density that is only a shape.
[[gnu::cold]] inline ImageDensity per_metre(ImageDensity density) {
  const double factor = density.unit == ImageDensity::Unit::inch         ? 1 / 0.0254
                        : density.unit == ImageDensity::Unit::centimetre ? 100
                                                                         : 1;
  const auto scaled = [&](std::uint32_t value) {
    return static_cast<std::uint32_t>((std::min)(2147483647.0, std::nearbyint(value * factor)));
  };
  const bool shape = density.unit == ImageDensity::Unit::none;
  return {scaled(density.x), scaled(density.y),
          shape ? ImageDensity::Unit::none : ImageDensity::Unit::metre};
}

/// Pixels an inch, or a shape, in the 16 bits that JFIF has; nothing if they do not fit.
[[gnu::cold]] inline ImageDensity per_inch(ImageDensity density) {
  const double factor = density.unit == ImageDensity::Unit::metre        ? 0.0254
                        : density.unit == ImageDensity::Unit::centimetre ? 2.54
                                                                         : 1;
  const auto scaled = [&](std::uint32_t value) {
    return static_cast<std::uint32_t>((std::min)(65536.0, std::nearbyint(value * factor)));
  };
  const ImageDensity made{scaled(density.x), scaled(density.y),
                          density.unit == ImageDensity::Unit::none ? ImageDensity::Unit::none
                                                                   : ImageDensity::Unit::inch};
  return made.x < 65536 && made.y < 65536 ? made : ImageDensity{};
}

/// The orientation in a block of Exif, which is a little TIFF, and where its two bytes are;
/// anything odd counts as upright.
struct ExifOrientation {
  int value = 1;
  std::size_t at = 0;
  bool little = false;
};

[[gnu::cold]] inline ExifOrientation exif_orientation(std::string_view tiff) {
  ExifOrientation found;
  if (!sound_exif(tiff)) return found;
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
[[gnu::cold]] inline std::string upright_exif(std::string tiff) {
  if (const ExifOrientation found = exif_orientation(tiff); found.at != 0) {
    tiff[found.at] = found.little ? '\1' : '\0';
    tiff[found.at + 1] = found.little ? '\0' : '\1';
  }
  return tiff;
}

}  // namespace detail
}}  // namespace eqsr::EQSR_ABI
