// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/bytes.hpp>            // hex
#include <eqsr/io/picture/decoder.hpp>  // PictureErrors, is_webp

#include <algorithm>    // min
#include <cstddef>      // size_t
#include <cstdint>      // uint32_t
#include <string_view>  // string_view

/// The bytes of a PNG or JPEG, and the sentence about what is neither. Containers are walked
/// through before anything of them is decoded, because decoders return grey areas for cut pictures,
/// and worse for hostile ones.
namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// The bytes of a picture, every access checked.
class ImageBytes : public PictureErrors {
 public:
  ImageBytes(std::string_view bytes, std::string_view name)
      : PictureErrors(name, bytes.size()), bytes_(bytes) {}

 protected:
  [[nodiscard]] unsigned byte(std::size_t at) const {
    if (at >= bytes_.size()) truncated();
    return static_cast<unsigned char>(bytes_[at]);
  }
  [[nodiscard]] unsigned big16(std::size_t at) const { return byte(at) << 8U | byte(at + 1); }
  [[nodiscard]] std::uint32_t big32(std::size_t at) const {
    return big16(at) << 16U | big16(at + 2);
  }

  std::string_view bytes_;
};

using namespace std::string_view_literals;
inline constexpr std::string_view png_signature = "\x89PNG\r\n\x1a\n"sv;
inline constexpr std::string_view jpeg_signature = "\xff\xd8"sv;

/// A file that is neither PNG nor JPEG, by the name of what it is where that is known.
[[noreturn, gnu::cold]] inline void refuse_format(std::string_view bytes, std::string_view name) {
  const PictureErrors picture(name, bytes.size());
  if (png_signature.starts_with(bytes) || jpeg_signature.starts_with(bytes)) picture.truncated();
  struct Magic {
    std::string_view bytes;
    std::string_view name;
  };
  constexpr Magic magics[] = {
      {"GIF8"sv, "a GIF"},
      {"BM"sv, "a BMP"},
      {"8BPS"sv, "a Photoshop file"},
      {"II*\0"sv, "a TIFF"},
      {"MM\0*"sv, "a TIFF"},
      {"#?RADIANCE"sv, "a Radiance HDR"},
      {"#?RGBE"sv, "an RGBE HDR"},
      {"\x53\x80\xf6\x34"sv, "a PIC"},
      {"\x76\x2f\x31\x01"sv, "an OpenEXR"},
      {"PF\n"sv, "a PFM"},
      {"P6"sv, "a PPM"},
      {"P5"sv, "a PGM"},
      {"\xff\x0a"sv, "a JPEG XL"},
      {"\0\0\0\x0cJXL "sv, "a JPEG XL"},
      {"%PDF"sv, "a PDF"},
  };
  for (const Magic& magic : magics)
    if (bytes.starts_with(magic.bytes)) picture.unsupported({magic.name});
  const auto four_at = [&](std::size_t at) {
    return bytes.substr((std::min)(at, bytes.size()), 4);
  };
  if (is_webp(bytes)) picture.unsupported({"a WebP"});
  if (four_at(4) == "ftyp") picture.unsupported({"an AVIF, HEIC or video file"});
  picture.unsupported(
      {"no PNG or JPEG picture (it starts with the bytes ", hex(bytes.substr(0, 8)), ")"});
}

}}}  // namespace eqsr::EQSR_ABI::detail
