// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/picture/read.hpp>

#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "jpeg_decoder.hpp"
#include "png_decoder.hpp"
#include "webp.hpp"

/// Pictures in, for all tools. What a picture must be is the library's word; the samples come from
/// libjpeg-turbo, libspng and libwebp where the program was built with them, else from stb.
namespace tool {

inline eqsr::Image decoded(std::string_view essence, const eqsr::detail::ImageHeader& header,
                           [[maybe_unused]] int channels, const eqsr::detail::ImageBytes& picture,
                           const eqsr::detail::Notes& note) {
#if EQSR_HAS_SPNG
  if (header.is_png) return decoded_png(essence, header, channels, picture);
#endif
#if EQSR_HAS_JPEG
  if (!header.is_png) return decoded_jpeg(essence, header, picture, note);
#endif
  return eqsr::detail::decoded_by_stb(essence, header, channels, picture, note);
}

inline std::size_t decoding_bytes(const eqsr::detail::ImageHeader& header, int channels) {
#if EQSR_HAS_SPNG
  if (header.is_png) return png_bytes(header);
#endif
#if EQSR_HAS_JPEG
  if (!header.is_png) return jpeg_bytes(header);
#endif
  return eqsr::detail::stb_bytes(header, channels);
}

/// Reads a PNG, JPEG or WebP file as eqsr::read_picture does.
inline eqsr::Picture read_picture(const std::string& path, const eqsr::ReadOptions& options = {}) {
  const std::string bytes = eqsr::detail::read_whole(path);
  if (eqsr::detail::is_webp(bytes)) return decoded_webp(bytes, options, path);
  return eqsr::detail::decode(bytes, options, path, true, {decoded, decoding_bytes});
}

/// The size that a file announces, if it is a picture.
inline std::optional<eqsr::PictureSize> picture_size(const std::string& path) {
  struct Known {};
  std::optional<eqsr::PictureSize> known;
  eqsr::ReadOptions options;
  options.on_size = [&](const eqsr::PictureSize& size) {
    known = size;
    throw Known{};
  };
  try {
    (void)tool::read_picture(path, options);
  } catch (const Known&) {
  } catch (const std::exception&) {  // whoever reads it in earnest says so
  }
  return known;
}

}  // namespace tool
