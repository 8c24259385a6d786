// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>  // Error
#include <eqsr/io/bytes.hpp>    // hex
#include <eqsr/io/picture/metadata.hpp>

#include <algorithm>    // min
#include <cstddef>      // size_t
#include <cstdint>      // uint32_t
#include <string>       // string
#include <string_view>  // string_view
#include <vector>       // vector

/// What a PNG or JPEG announces, and the sentences about what is wrong with one. Containers are
/// walked through before anything of them is decoded, because decoders return grey areas for cut
/// pictures, and worse for hostile ones.
namespace eqsr { inline namespace EQSR_ABI { namespace detail {

struct ImageHeader {
  bool is_png = false;
  std::uint32_t width = 0, height = 0;
  int channels = 0;  ///< in the file, alpha counted
  int bits = 8;      ///< a sample
  bool alpha = false;
  std::string_view exif;                    ///< the TIFF block, or empty
  std::vector<std::string_view> icc_parts;  ///< of PNG one, compressed; of JPEG in order
  bool icc_complete = true;
  bool ycbcr = false;                    ///< whether the three channels are brightness and colour
  std::uint32_t tile_x = 1, tile_y = 1;  ///< the sizes are rounded up to these when decoded
  ImageDensity density;                  ///< pixels a length, as ImageMetadata has it
  std::vector<ColourChunk> colour;       ///< of a PNG
  std::vector<std::string> notes;        ///< sentences about what is wrong but costs no sample
};

/// The bytes of a picture, every access checked; `name` is what error sentences call it.
class ImageBytes {
 public:
  ImageBytes(std::string_view bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  [[noreturn, gnu::noinline, gnu::cold]] void fail(const char* code,
                                                   std::initializer_list<Part> parts) const {
    detail::fail(code, {name_, ": ", joined(parts)});
  }
  [[noreturn, gnu::noinline, gnu::cold]] void corrupt(std::initializer_list<Part> what) const {
    fail("image_corrupt", {"The picture is damaged: ", joined(what),
                           ". Copy or download it again, or save it again with an image program."});
  }
  [[noreturn, gnu::noinline, gnu::cold]] void unsupported(std::initializer_list<Part> what) const {
    fail("image_unsupported",
         {"This is ", joined(what),
          ", which is not supported. Save it as an ordinary RGB picture, PNG or JPEG."});
  }
  [[noreturn]] void out_of_memory() const {
    fail("out_of_memory",
         {"There is not enough memory to decode the picture. Free some, or cut it."});
  }
  [[noreturn]] void truncated() const {
    fail("image_truncated", {"The picture ends after ", bytes_.size(),
                             " bytes, before it is complete. Copy or download it again."});
  }

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
  std::string_view name_;
};

using namespace std::string_view_literals;
inline constexpr std::string_view png_signature = "\x89PNG\r\n\x1a\n"sv;
inline constexpr std::string_view jpeg_signature = "\xff\xd8"sv;

/// Whether a file starts as a WebP does.
inline bool is_webp(std::string_view bytes) {
  return bytes.size() >= 12 && bytes.substr(0, 4) == "RIFF" && bytes.substr(8, 4) == "WEBP";
}

/// A file that is neither PNG nor JPEG, by the name of what it is where that is known.
[[noreturn]] inline void refuse_format(std::string_view bytes, std::string_view name) {
  const ImageBytes picture(bytes, name);
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
