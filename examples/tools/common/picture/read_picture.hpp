// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/picture/read.hpp>

#include <cstddef>
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

/// The decoders that this program was built with.
class Decoders final : public eqsr::StbDecoder {
 public:
  [[nodiscard]] std::size_t memory(const eqsr::PictureHeader& header, int channels) const override {
#if EQSR_HAS_SPNG
    if (header.is_png) return png_bytes(header);
#endif
#if EQSR_HAS_JPEG
    if (!header.is_png) return jpeg_bytes(header);
#endif
    return StbDecoder::memory(header, channels);
  }
  [[nodiscard]] eqsr::Image decode(const eqsr::CheckedPicture& picture) const override {
#if EQSR_HAS_SPNG
    if (picture.header.is_png) return decoded_png(picture);
#endif
#if EQSR_HAS_JPEG
    if (!picture.header.is_png) return decoded_jpeg(picture);
#endif
    return StbDecoder::decode(picture);
  }
};

/// Decodes a PNG, JPEG or WebP as eqsr::decode_picture does.
inline eqsr::Picture decode_picture(std::string_view bytes, const eqsr::ReadOptions& options,
                                    const std::string& name) {
  if (eqsr::is_webp(bytes)) return decoded_webp(bytes, options, name);
  const Decoders decoders;
  eqsr::ReadOptions own = options;
  own.decoder = &decoders;
  return eqsr::decode_picture(bytes, own, name);
}

/// Reads a PNG, JPEG or WebP file as eqsr::read_picture does.
inline eqsr::Picture read_picture(const std::string& path, const eqsr::ReadOptions& options = {}) {
  return tool::decode_picture(eqsr::read_picture_bytes(path), options, path);
}

/// The size that a file announces, if it is a picture. Of most files only the beginning is read.
inline std::optional<eqsr::PictureSize> picture_size(const std::string& path) {
  constexpr std::size_t beginning = std::size_t{64} << 10;
  struct Known {};
  std::optional<eqsr::PictureSize> known;
  eqsr::ReadOptions options;
  options.on_size = [&](const eqsr::PictureSize& size) {
    known = size;
    throw Known{};
  };
  const auto look = [&](const std::string& bytes) {  // whether more of the file may tell more
    try {
      (void)tool::decode_picture(bytes, options, path);
    } catch (const Known&) {
    } catch (const eqsr::Error& error) {
      return error.code() == "image_truncated";
    }
    return false;
  };
  try {
    if (look(eqsr::read_picture_bytes(path, beginning))) (void)look(eqsr::read_picture_bytes(path));
  } catch (const std::exception&) {  // whoever reads it in earnest says so
  }
  return known;
}

}  // namespace tool
