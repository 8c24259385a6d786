// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/image.hpp>       // Image
#include <eqsr/io/file.hpp>          // InputFile
#include <eqsr/io/image_header.hpp>  // ImageWalk
#include <eqsr/io/image_write.hpp>   // write_image
#include <eqsr/io/stb.hpp>           // decoders

#include <algorithm>   // clamp
#include <cmath>       // nearbyint, isfinite
#include <functional>  // function
#include <limits>      // numeric_limits
#include <memory>      // unique_ptr

/// PNG and JPEG files in and out. Needs stb; in CMake link eqsr::io.
namespace eqsr::inline EQSR_ABI {

/// What a caller accepts from a picture file, and whom to tell what was left out.
struct ReadOptions {
  std::size_t max_pixels = std::size_t{1} << 28;         ///< compared before anything is decoded
  std::function<void(const std::string& note)> on_note;  ///< for instance: alpha was dropped
};

namespace detail {

/// Turns a picture upright: `orientation` is what Exif says about it, 2 to 8.
inline Image upright(const Image& from, int orientation) {
  const bool swap = orientation >= 5;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  Image to =
      blank_image(swap ? from.width : from.height, swap ? from.height : from.width, from.channels);
  float* out = to.pixels.data();
  for (int y = 0; y < to.height; ++y) {
    for (int x = 0; x < to.width; ++x) {
      const int v = flip_y ? to.height - 1 - y : y;
      const int u = flip_x ? to.width - 1 - x : x;
      const auto row = static_cast<std::size_t>(swap ? u : v);
      const auto column = static_cast<std::size_t>(swap ? v : u);
      const float* in = from.pixels.data() + (row * static_cast<std::size_t>(from.width) + column) *
                                                 static_cast<std::size_t>(from.channels);
      out = std::copy_n(in, from.channels, out);
    }
  }
  return to;
}

template <class Sample>
Image to_float(const Sample* samples, int height, int width) {
  Image image = blank_image(height, width);
  constexpr float most = std::numeric_limits<Sample>::max();
  std::transform(samples, samples + image.pixels.size(), image.pixels.begin(),
                 [](Sample sample) { return static_cast<float>(sample) / most; });
  return image;
}

inline void note(const ReadOptions& options, const std::string& text) {
  if (options.on_note) options.on_note(text);
}

}  // namespace detail

/// Decodes a PNG or JPEG held in memory to three channels; `name` is for error sentences.
///
/// Grey is replicated. Alpha and colour profiles are dropped with a note; the orientation that a
/// camera stored is applied. Sixteen bits a channel keep their precision.
inline Image decode_image(std::string_view bytes, const ReadOptions& options = {},
                          const std::string& name = "picture") {
  const detail::ImageHeader header = detail::ImageWalk(bytes, name).read();
  const std::size_t pixels = std::size_t{header.width} * header.height;
  EQSR_EXPECTS(pixels <= options.max_pixels && header.width <= 65535 && header.height <= 65535 &&
                   pixels * (header.bits == 16 ? 8 : 4) < (std::size_t{1} << 31),
               "limit_exceeded", name, ": The picture has ", header.width, " x ", header.height,
               " pixels; the limit is ", options.max_pixels,
               " pixels and 65535 a side. Raise ReadOptions::max_pixels or cut the picture.");
  EQSR_EXPECTS(bytes.size() < (std::size_t{1} << 31), "limit_exceeded", name,
               ": The file is larger than 2 GiB. Save it with stronger compression.");

  const bool sixteen = header.bits == 16;
  const std::size_t rounded = ((header.width + std::size_t{15}) & ~std::size_t{15}) *
                              ((header.height + std::size_t{15}) & ~std::size_t{15});
  detail::stb_budget =
      4 * rounded * static_cast<std::size_t>(std::max(3, header.channels)) * (sixteen ? 2 : 1) +
      2 * bytes.size() + (std::size_t{1} << 20);
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<void, void (*)(void*)> samples(
      sixteen ? static_cast<void*>(detail::stb::eqsr_stbi_load_16_from_memory(
                    data, size, &width, &height, &channels, 3))
              : static_cast<void*>(detail::stb::eqsr_stbi_load_from_memory(data, size, &width,
                                                                           &height, &channels, 3)),
      detail::stb_release);
  EQSR_EXPECTS(samples != nullptr && static_cast<std::uint32_t>(width) == header.width &&
                   static_cast<std::uint32_t>(height) == header.height,
               "bad_image", name,
               ": The picture cannot be decoded: its data are damaged or do not fit its header. "
               "Save it again with an image program.");

  Image image =
      sixteen ? detail::to_float(static_cast<const std::uint16_t*>(samples.get()), height, width)
              : detail::to_float(static_cast<const std::uint8_t*>(samples.get()), height, width);
  if (header.orientation != 1) image = detail::upright(image, header.orientation);
  if (header.alpha) detail::note(options, name + ": The alpha channel is dropped.");
  if (header.colour_profile)
    detail::note(options, name + ": The colour profile is dropped; colours count as sRGB.");
  if (header.ignored_at_end > 0)
    detail::note(options,
                 say(name, ": ", header.ignored_at_end, " bytes behind the end are ignored."));
  return image;
}

/// Reads a PNG or JPEG file, recognised by its content, as `decode_image` does.
inline Image read_image(const std::string& path, const ReadOptions& options = {}) {
  const detail::InputFile file(path);
  EQSR_EXPECTS(file.size() < (std::uint64_t{1} << 31), "limit_exceeded", path,
               ": The file is larger than 2 GiB. Save it with stronger compression.");
  return decode_image(file.read_some(0, file.size()), options, path);
}

}  // namespace eqsr::inline EQSR_ABI
