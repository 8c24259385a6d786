// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/picture/header.hpp>
#include <eqsr/io/picture/stb.hpp>  // inflate

#include <algorithm>  // max, min
#include <array>      // array
#include <cstdlib>    // abs
#include <limits>     // numeric_limits
#include <memory>     // unique_ptr

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// Memory of the decoder.
using StbMemory = std::unique_ptr<unsigned char, void (*)(void*)>;

/// The checksum at the end of a zlib stream.
[[nodiscard]] inline std::uint32_t adler32(const unsigned char* bytes, std::size_t count) noexcept {
  std::uint32_t a = 1, b = 0;
  while (count > 0) {
    const std::size_t block = std::min<std::size_t>(count, 5552);  // the sums fit 32 bits so long
    for (std::size_t i = 0; i < block; ++i) b += a += bytes[i];
    a %= 65521;
    b %= 65521;
    bytes += block;
    count -= block;
  }
  return b << 16U | a;
}

/// A walk through the chunks of a PNG with all their checksums, then through its inflated rows,
/// which the decoder neither counts nor checks.
class PngWalk : public ImageBytes {
 public:
  using ImageBytes::ImageBytes;

  [[nodiscard]] ImageHeader read() {
    bool ended = false;
    std::size_t at = png_signature.size();
    for (bool first = true; !ended; first = false) {
      const std::size_t length = big32(at);
      if (length > 0x7fffffffU) corrupt({"a chunk announces ", length, " bytes, at byte ", at});
      if (bytes_.size() - at < length + 12) truncated();
      const std::string_view kind = bytes_.substr(at + 4, 4);
      const std::string_view body = bytes_.substr(at + 8, length);
      if (crc32(kind.data(), length + 4) != big32(at + 8 + length))
        corrupt({"the checksum of the chunk ", in_quotes(kind), " at byte ", at, " is wrong"});
      if (kind == "CgBI") unsupported({"a PNG in the form that only iPhones read"});
      if (first != (kind == "IHDR")) corrupt({"IHDR is not the first chunk, or comes twice"});
      read_chunk(kind, body);
      ended = kind == "IEND";
      at += length + 12;
    }
    if (data_.empty()) corrupt({"it has no data chunk"});
    if (at != bytes_.size()) corrupt({bytes_.size() - at, " bytes follow its end"});
    return header_;
  }

  /// The same picture with the chunks that the decoder needs and no other.
  [[nodiscard]] std::string essence() const {
    std::string out(png_signature);
    append(out, "IHDR", {bytes_.substr(png_signature.size() + 8, 13)});
    if (!palette_.empty()) append(out, "PLTE", {palette_});
    if (!transparency_.empty()) append(out, "tRNS", {transparency_});
    append(out, "IDAT", data_);
    append(out, "IEND", {});
    return out;
  }

  /// Inflates the rows of `essence()` and compares their number, checksum, filters and colours with
  /// what was announced. No more memory is taken than the announced rows need.
  void check_rows(std::string_view essence) const {
    std::size_t packed = 0;
    for (const std::string_view part : data_) packed += part.size();
    const char* stream = essence.data() + essence.size() - 16 - packed;
    std::size_t expected = 0;
    for_each_pass(
        [&](std::size_t rows, std::size_t, std::size_t bytes) { expected += rows * (bytes + 1); });
    constexpr std::size_t most = (std::numeric_limits<int>::max)();
    if (expected > most)  // `packed` is less than the file, which is smaller
      fail("image_limit", {"The picture is too large to be decoded. Save it as several."});
    if (packed < 6) fail("image_truncated", {"The picture has hardly any data. Copy it again."});
    int count = 0;
    stb_budget = expected;
    stb_refused = false;
    const StbMemory rows(
        reinterpret_cast<unsigned char*>(stb::eqsr_stbi_zlib_decode_malloc_guesssize_headerflag(
            stream, static_cast<int>(packed), static_cast<int>(expected), &count, 1)),
        stb_release);
    if (stb_refused)
      fail("image_limit",
           {"The data of the picture inflate to more than the ", expected, " bytes that its ",
            header_.width, " x ", header_.height, " pixels need."});
    if (rows == nullptr) corrupt({"its data cannot be inflated"});
    if (static_cast<std::size_t>(count) < expected)
      fail("image_truncated",
           {"The data of the picture have ", count, " bytes, but its ", header_.width, " x ",
            header_.height, " pixels need ", expected, ". Copy or download it again."});
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < 4; ++i)
      sum = sum << 8U | static_cast<unsigned char>(stream[packed - 4 + i]);
    if (sum != adler32(rows.get(), expected)) corrupt({"the checksum of its data is wrong"});
    unsigned char* row = rows.get();
    for_each_pass([&](std::size_t height, std::size_t, std::size_t bytes) {
      for (std::size_t y = 0; y < height; ++y, row += bytes + 1) {
        if (*row > 4) corrupt({"a row has the filter ", unsigned{*row}});
        if (colour_ == 3) unfilter(row, y == 0 ? nullptr : row - bytes, bytes);
      }
    });
    if (colour_ == 3) check_colours(rows.get());
  }

 private:
  void read_chunk(std::string_view kind, std::string_view body) {
    const bool ends_data = !data_.empty() && kind != "IDAT";
    data_ended_ = data_ended_ || ends_data;
    if (kind == "IHDR") {
      read_header(body);
    } else if (kind == "PLTE") {
      if (!palette_.empty() || ends_data || body.empty() || body.size() % 3 != 0 ||
          body.size() > 3 * 256)
        corrupt({"its palette is no palette"});
      palette_ = body;
    } else if (kind == "tRNS") {
      const std::size_t most = colour_ == 0 ? 2 : colour_ == 2 ? 6 : palette_.size() / 3;
      if (colour_ > 3 || ends_data || body.empty() || body.size() > most ||
          (colour_ != 3 && body.size() != most))
        corrupt({"its transparency does not fit its colours"});
      transparency_ = body;
      header_.alpha = true;
    } else if (kind == "iCCP" && !ends_data) {
      header_.icc_parts = {body};
    } else if (kind == "eXIf") {
      header_.exif = body;
    } else if (kind == "IDAT") {
      if (data_ended_) corrupt({"its data are in two places"});
      data_.push_back(body);
    } else if (kind != "IEND" && kind[0] >= 'A' && kind[0] <= 'Z') {
      unsupported({"a PNG with the chunk ", in_quotes(kind)});
    }
  }

  void read_header(std::string_view body) {
    if (body.size() != 13) corrupt({"its header has ", body.size(), " bytes instead of 13"});
    const std::size_t at = png_signature.size() + 8;
    header_.is_png = true;
    header_.width = big32(at);
    header_.height = big32(at + 4);
    if (header_.width == 0 || header_.height == 0)
      fail("image_limit", {"The picture has no pixels; it cannot be enlarged."});
    header_.bits = static_cast<int>(byte(at + 8));
    colour_ = byte(at + 9);
    constexpr int channels[] = {1, 0, 3, 1, 2, 0, 4};
    constexpr std::string_view depths[] = {"\1\2\4\x08\x10", "", "\x08\x10", "\1\2\4\x08",
                                           "\x08\x10",       "", "\x08\x10"};
    if (colour_ > 6 || depths[colour_].find(bytes_[at + 8]) == std::string_view::npos)
      corrupt({"it has the colour type ", colour_, " and ", header_.bits, " bits a sample"});
    stored_channels_ = channels[colour_];
    header_.channels = colour_ == 3 ? 3 : stored_channels_;
    header_.alpha = colour_ == 4 || colour_ == 6;
    if (byte(at + 10) != 0 || byte(at + 11) != 0 || byte(at + 12) > 1)
      corrupt({"its method of compression, filtering or interlacing is unknown"});
    interlaced_ = byte(at + 12) == 1;
  }

  static void append(std::string& out, std::string_view kind,
                     const std::vector<std::string_view>& parts) {
    std::size_t size = 0;
    for (const std::string_view part : parts) size += part.size();
    out.reserve(out.size() + size + 64);
    for (int shift = 24; shift >= 0; shift -= 8)
      out += static_cast<char>((size >> static_cast<unsigned>(shift)) & 255U);
    out += kind;
    for (const std::string_view part : parts) out += part;
    out.append(4, '\0');  // the decoder does not look at the checksum
  }

  /// Calls `f(height, width, bytes a row)` for the picture, or for each of the seven of an
  /// interlaced one.
  template <class F>
  void for_each_pass(F&& f) const {
    constexpr std::array<std::array<std::uint32_t, 4>, 7> passes{{{0, 0, 8, 8},
                                                                  {4, 0, 8, 8},
                                                                  {0, 4, 4, 8},
                                                                  {2, 0, 4, 4},
                                                                  {0, 2, 2, 4},
                                                                  {1, 0, 2, 2},
                                                                  {0, 1, 1, 2}}};
    const std::size_t bits = static_cast<std::size_t>(header_.bits * stored_channels_);
    const auto pass = [&](std::size_t width, std::size_t height) {
      if (width > 0 && height > 0) f(height, width, (width * bits + 7) / 8);
    };
    if (!interlaced_) return pass(header_.width, header_.height);
    for (const auto& [x, y, dx, dy] : passes)
      pass((std::size_t{header_.width} + dx - 1 - x) / dx,
           (std::size_t{header_.height} + dy - 1 - y) / dy);
  }

  /// Undoes the filter of a row of single bytes; `above` is where the row before it starts.
  static void unfilter(unsigned char* row, const unsigned char* above, std::size_t count) {
    const unsigned filter = *row++;
    unsigned left = 0, corner = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned up = above != nullptr ? above[i] : 0;
      const int to_left = std::abs(int(up) - int(corner));
      const int to_up = std::abs(int(left) - int(corner));
      const int to_corner = std::abs(int(left) + int(up) - 2 * int(corner));
      const unsigned paeth = to_left <= to_up && to_left <= to_corner ? left
                             : to_up <= to_corner                     ? up
                                                                      : corner;
      const unsigned guesses[] = {0, left, up, (left + up) / 2, paeth};
      left = row[i] = static_cast<unsigned char>(row[i] + guesses[filter]);
      corner = up;
    }
  }

  /// The colour numbers of the unfiltered rows must be within the palette.
  void check_colours(const unsigned char* row) const {
    const auto bits = static_cast<unsigned>(header_.bits);
    const std::size_t colours = palette_.size() / 3;
    std::size_t most = 0;
    for_each_pass([&](std::size_t height, std::size_t width, std::size_t bytes) {
      for (std::size_t y = 0; y < height; ++y, row += bytes + 1) {
        for (std::size_t x = 0; x < width; ++x) {
          const std::size_t bit = x * bits;
          const unsigned shift = 8 - bits - static_cast<unsigned>(bit % 8);
          most = std::max<std::size_t>(most, (row[1 + bit / 8] >> shift) & ((1U << bits) - 1));
        }
      }
    });
    if (most >= colours)
      corrupt({"a pixel has the colour number ", most, ", but the palette has ", colours});
  }

  ImageHeader header_;
  unsigned colour_ = 0;
  int stored_channels_ = 0;
  bool interlaced_ = false, data_ended_ = false;
  std::string_view palette_, transparency_;
  std::vector<std::string_view> data_;
};

}}}  // namespace eqsr::EQSR_ABI::detail
