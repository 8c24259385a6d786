// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>  // Error
#include <eqsr/io/bytes.hpp>    // crc32, hex

#include <cstdint>      // uint32_t
#include <cstring>      // memchr
#include <string>       // string
#include <string_view>  // string_view

/// A walk through the container of a PNG or JPEG before anything of it is decoded: what it
/// announces, and whether it is whole. Decoders return grey areas for cut pictures; this does not.
namespace eqsr::inline EQSR_ABI::detail {

/// What a picture file announces.
struct ImageHeader {
  bool is_png = false;
  std::uint32_t width = 0, height = 0;
  int channels = 0;  ///< in the file, the alpha channel counted
  int bits = 8;      ///< a channel
  bool alpha = false;
  bool colour_profile = false;
  int orientation = 1;             ///< as Exif numbers it
  std::size_t ignored_at_end = 0;  ///< bytes behind the end of a JPEG
};

class ImageWalk {
 public:
  /// `name` is what error sentences call the picture.
  ImageWalk(std::string_view bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  [[nodiscard]] ImageHeader read() {
    using namespace std::string_view_literals;
    constexpr auto png = "\x89PNG\r\n\x1a\n"sv;
    header_.is_png = bytes_.starts_with(png);
    if (header_.is_png) {
      read_png();
    } else if (bytes_.starts_with("\xff\xd8"sv)) {
      read_jpeg();
    } else if (!bytes_.empty() && (png.starts_with(bytes_) || bytes_ == "\xff"sv)) {
      truncated();
    } else {
      fail("unknown_format", "This is no PNG or JPEG picture; it starts with the bytes ",
           bytes_.empty() ? "(none)" : hex(bytes_.substr(0, 8)), ". Convert it first.");
    }
    return header_;
  }

 private:
  template <class... Parts>
  [[noreturn]] void fail(const char* code, const Parts&... parts) const {
    throw Error(code, say(name_, ": ", parts...));
  }
  [[noreturn]] void truncated() const {
    fail("truncated", "The picture ends after ", bytes_.size(),
         " bytes, before it is complete. Copy or download it again.");
  }
  [[nodiscard]] unsigned byte(std::size_t at) const {
    if (at >= bytes_.size()) truncated();
    return static_cast<unsigned char>(bytes_[at]);
  }
  [[nodiscard]] unsigned big16(std::size_t at) const { return byte(at) << 8U | byte(at + 1); }
  [[nodiscard]] std::uint32_t big32(std::size_t at) const {
    return big16(at) << 16U | big16(at + 2);
  }

  void read_png() {
    bool ended = false, data = false, palette = false;
    std::size_t at = 8;
    for (bool first = true; !ended; first = false) {
      const std::size_t length = big32(at);
      if (length > 0x7fffffffU) bad("a chunk announces ", length, " bytes");
      if (bytes_.size() - at < length + 12) truncated();
      const std::string_view kind = bytes_.substr(at + 4, 4);
      const std::size_t body = at + 8;
      if (first != (kind == "IHDR")) bad("IHDR is not the first chunk, or comes twice");
      if (crc32(kind.data(), length + 4) != big32(body + length)) {
        fail("crc_mismatch", "The checksum of the chunk ", in_quotes(kind),
             " is wrong: the picture is damaged. Copy or download it again.");
      }
      if (kind == "IHDR") {
        read_ihdr(body, length);
      } else if (kind == "PLTE") {
        palette = true;
      } else if (kind == "tRNS") {
        header_.alpha = true;
      } else if (kind == "iCCP") {
        header_.colour_profile = true;
      } else if (kind == "eXIf") {
        read_orientation(bytes_.substr(body, length));
      } else if (kind == "IDAT") {
        if (!data && length == 0) bad("its first data chunk is empty");
        data = true;
      } else if (kind == "IEND") {
        ended = true;
      }
      at = body + length + 4;
    }
    if (!data) bad("it has no data chunk");
    if (colour_ == 3 && !palette) bad("it has no palette");
    if (at != bytes_.size()) {
      fail("trailing_data", bytes_.size() - at,
           " bytes follow the end of the picture. Save it again with an image program.");
    }
  }

  void read_ihdr(std::size_t at, std::size_t length) {
    if (length != 13) bad("its header has ", length, " bytes instead of 13");
    set_size(big32(at), big32(at + 4));
    header_.bits = static_cast<int>(byte(at + 8));
    colour_ = byte(at + 9);
    constexpr int channels[] = {1, 0, 3, 3, 2, 0, 4};
    header_.channels = colour_ < 7 ? channels[colour_] : 0;
    if (header_.channels == 0) bad("its colour type is ", colour_);
    header_.alpha = colour_ == 4 || colour_ == 6;
  }

  void read_jpeg() {
    using namespace std::string_view_literals;
    bool scan = false;
    std::size_t at = 2;
    while (true) {
      if (byte(at) != 0xff) bad("no marker where one must be, at byte ", at);
      while (byte(at) == 0xff) ++at;
      const unsigned marker = byte(at++);
      if (marker == 0xd9) break;
      if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;
      const std::size_t length = big16(at);
      if (length < 2) bad("a segment announces ", length, " bytes");
      if (length > bytes_.size() - at) truncated();
      const std::string_view body = bytes_.substr(at + 2, length - 2);
      if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
        read_frame(marker, at, length);
      } else if (marker == 0xe1 && body.starts_with("Exif\0\0"sv)) {
        read_orientation(body.substr(6));
      } else if (marker == 0xe2 && body.starts_with("ICC_PROFILE\0"sv)) {
        header_.colour_profile = true;
      }
      at += length;
      if (marker == 0xda) {
        if (header_.width == 0) bad("its data come before its header");
        scan = true;
        at = end_of_scan(at);
      }
    }
    if (!scan) bad("it has no data");
    header_.ignored_at_end = bytes_.size() - at;
  }

  void read_frame(unsigned marker, std::size_t at, std::size_t length) {
    if (header_.width != 0) bad("it has two headers");
    if (length < 8) bad("its header is too short");
    if (marker > 0xc2) unsupported("a lossless, hierarchical or arithmetic-coded JPEG");
    if (byte(at + 2) != 8) unsupported("a JPEG of ", byte(at + 2), " bits a channel");
    if (big16(at + 3) == 0) unsupported("a JPEG that tells its height at the end");
    set_size(big16(at + 5), big16(at + 3));
    header_.channels = static_cast<int>(byte(at + 7));
    if (header_.channels == 4) unsupported("a CMYK picture");
    if (header_.channels != 1 && header_.channels != 3)
      bad("it has ", header_.channels, " channels");
  }

  /// The next marker behind the coded data; restart markers and stuffed bytes belong to the data.
  [[nodiscard]] std::size_t end_of_scan(std::size_t at) const {
    while (true) {
      const void* found =
          at < bytes_.size() ? std::memchr(bytes_.data() + at, 0xff, bytes_.size() - at) : nullptr;
      if (found == nullptr) truncated();
      at = static_cast<std::size_t>(static_cast<const char*>(found) - bytes_.data());
      const unsigned next = byte(at + 1);
      if (next != 0x00 && next != 0xff && (next < 0xd0 || next > 0xd7)) return at;
      at += next == 0xff ? 1 : 2;
    }
  }

  /// The orientation in a block of Exif, which is a little TIFF; anything odd is ignored.
  void read_orientation(std::string_view tiff) {
    if (tiff.size() < 14 || (tiff[0] != 'I' && tiff[0] != 'M')) return;
    const bool little = tiff[0] == 'I';
    const auto number = [&](std::size_t at, std::size_t count) {
      std::uint32_t value = 0;
      for (std::size_t i = 0; i < count && at + i < tiff.size(); ++i) {
        const std::uint32_t part = static_cast<unsigned char>(tiff[at + i]);
        value |= part << (8 * (little ? i : count - 1 - i));
      }
      return value;
    };
    const std::size_t table = number(4, 4);
    if (table > tiff.size() - 2) return;
    const std::size_t entries = number(table, 2);
    for (std::size_t i = 0; i < entries && table + 14 + 12 * i <= tiff.size(); ++i) {
      const std::size_t entry = table + 2 + 12 * i;
      const auto value = number(entry + 8, 2);
      if (number(entry, 2) == 0x0112 && value >= 1 && value <= 8)
        header_.orientation = static_cast<int>(value);
    }
  }

  void set_size(std::uint32_t width, std::uint32_t height) {
    if (width == 0 || height == 0) bad("it has no pixels");
    header_.width = width;
    header_.height = height;
  }
  template <class... Parts>
  [[noreturn]] void bad(const Parts&... what) const {
    fail("bad_image", "The picture is damaged: ", what...,
         ". Save it again with an image program.");
  }
  template <class... Parts>
  [[noreturn]] void unsupported(const Parts&... what) const {
    fail("unsupported_image", "This is ", what...,
         ", which is not supported. Save it as an ordinary RGB picture.");
  }

  std::string_view bytes_;
  std::string_view name_;
  ImageHeader header_;
  unsigned colour_ = 0;
};

}  // namespace eqsr::inline EQSR_ABI::detail
