// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/picture/header.hpp>

#include <algorithm>  // max

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// A walk through the segments of a JPEG up to its end marker. The tables that the decoder indexes
/// with are checked on the way.
class JpegWalk : public ImageBytes {
 public:
  using ImageBytes::ImageBytes;

  [[nodiscard]] ImageHeader read() {
    std::size_t scans = 0;
    std::size_t at = 2;
    while (true) {
      if (byte(at) != 0xff) corrupt({"no marker where one must be, at byte ", at});
      while (byte(at) == 0xff) ++at;
      const unsigned marker = byte(at++);
      if (marker == 0xd9) break;
      if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xd8))
        corrupt(
            {"the marker ff ", hex_byte(static_cast<char>(marker)), " where a segment belongs"});
      const std::size_t length = big16(at);
      if (length < 2) corrupt({"a segment announces ", length, " bytes, at byte ", at});
      if (length > bytes_.size() - at) truncated();
      read_segment(marker, at + 2, bytes_.substr(at + 2, length - 2));
      at += length;
      if (marker == 0xda) {
        if (header_.width == 0) corrupt({"its data come before its header"});
        // Each scan passes over the whole picture; real ones have about ten.
        if (++scans > 100) fail("image_limit", {"The picture has more than 100 scans."});
        at = end_of_scan(at);
      }
    }
    if (scans == 0) corrupt({"it has no data"});
    header_.ignored_at_end = bytes_.size() - at;
    header_.icc_complete = icc_seen_ == header_.icc_parts.size();
    return header_;
  }

 private:
  void read_segment(unsigned marker, std::size_t at, std::string_view body) {
    using namespace std::string_view_literals;
    if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
      read_frame(marker, at, body.size());
    } else if (marker == 0xc4) {
      check_huffman_tables(at, body.size());
    } else if (marker == 0xe1 && body.starts_with("Exif\0\0"sv) && header_.exif.empty()) {
      header_.exif = body.substr(6);
    } else if (marker == 0xe2 && body.size() >= 14 && body.starts_with("ICC_PROFILE\0"sv)) {
      keep_profile(static_cast<unsigned char>(body[12]), static_cast<unsigned char>(body[13]),
                   body.substr(14));
    }
  }

  void read_frame(unsigned marker, std::size_t at, std::size_t length) {
    if (header_.width != 0) corrupt({"it has two headers"});
    if (marker > 0xc2) unsupported({"a lossless, hierarchical or arithmetic-coded JPEG"});
    if (byte(at) != 8) unsupported({"a JPEG of ", byte(at), " bits a sample"});
    if (big16(at + 1) == 0) unsupported({"a JPEG that tells its height at the end"});
    header_.height = big16(at + 1);
    header_.width = big16(at + 3);
    if (header_.width == 0)
      fail("image_limit", {"The picture has no pixels; it cannot be enlarged."});
    header_.channels = static_cast<int>(byte(at + 5));
    if (header_.channels == 4) unsupported({"a CMYK picture, made for printing"});
    if (header_.channels != 1 && header_.channels != 3)
      corrupt({"it has ", header_.channels, " channels"});
    if (length != 6 + 3 * static_cast<std::size_t>(header_.channels))
      corrupt({"its header has a wrong length"});
    for (std::size_t i = 0; i < static_cast<std::size_t>(header_.channels); ++i) {
      const unsigned factors = byte(at + 7 + 3 * i);
      header_.tile_x = (std::max)(header_.tile_x, 8 * (factors >> 4U));
      header_.tile_y = (std::max)(header_.tile_y, 8 * (factors & 15U));
    }
    if (header_.tile_x > 32 || header_.tile_y > 32) corrupt({"its sampling factors exceed 4"});
  }

  /// Older versions of stb_image write beyond their table when a file lists more than 256 codes.
  void check_huffman_tables(std::size_t at, std::size_t length) {
    const std::size_t end = at + length;
    while (at < end) {
      std::size_t codes = 0;
      for (std::size_t i = 1; i <= 16 && at + i < end; ++i) codes += byte(at + i);
      if (codes > 256 || end - at < 17 + codes) corrupt({"a Huffman table is no table"});
      at += 17 + codes;
    }
  }

  void keep_profile(std::size_t number, std::size_t count, std::string_view part) {
    if (number == 0 || number > count) return;
    if (header_.icc_parts.empty()) header_.icc_parts.resize(count);
    if (count != header_.icc_parts.size() || !header_.icc_parts[number - 1].empty()) return;
    header_.icc_parts[number - 1] = part;
    ++icc_seen_;
  }

  /// The next marker behind the coded data; restart markers and stuffed bytes belong to the data.
  [[nodiscard]] std::size_t end_of_scan(std::size_t at) const {
    for (;; ++at) {
      at = bytes_.find('\xff', at);
      if (at == std::string_view::npos) truncated();
      const unsigned next = byte(at + 1);
      if (next != 0x00 && next != 0xff && (next < 0xd0 || next > 0xd7)) return at;
    }
  }

  ImageHeader header_;
  std::size_t icc_seen_ = 0;
};

}}}  // namespace eqsr::EQSR_ABI::detail
