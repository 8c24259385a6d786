// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/function_ref.hpp>  // FunctionRef
#include <eqsr/core/math.hpp>          // ceil_div, saturated_product, saturated_sum
#include <eqsr/io/picture/header.hpp>
#include <eqsr/io/picture/png_filter.hpp>  // png_guesses
#include <eqsr/io/picture/stb.hpp>         // inflate

#include <algorithm>  // max, min
#include <array>      // array
#include <limits>     // numeric_limits
#include <memory>     // unique_ptr
#include <new>        // bad_alloc

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// Memory of the decoder.
using StbMemory = std::unique_ptr<unsigned char, void (*)(void*)>;

/// The checksum at the end of a zlib stream.
[[nodiscard]] inline std::uint32_t adler32(const unsigned char* bytes, std::size_t count) noexcept {
  std::uint32_t a = 1, b = 0;
  while (count > 0) {
    const std::size_t block = (std::min<std::size_t>)(count, 5552);  // the sums fit 32 bits so long
    for (std::size_t i = 0; i < block; ++i) b += a += bytes[i];
    a %= 65521;
    b %= 65521;
    bytes += block;
    count -= block;
  }
  return b << 16U | a;
}

/// The bytes of a zlib stream, and how it went.
struct Inflated {
  StbMemory bytes{nullptr, stb_release};  ///< null if the stream is damaged
  std::size_t count = 0;
  std::size_t used = 0;  ///< bytes of the stream, without its checksum
  bool cut = false;      ///< whether the stream ends before its end
};

/// Inflates at most `most` bytes. At least four readable bytes must follow the stream; a decoder
/// that looks ahead finds them.
[[gnu::noinline]] inline Inflated inflate(const char* stream, std::size_t size, std::size_t most) {
  Inflated made;
  stb_allow(most);
  auto* room = static_cast<char*>(stb_allocate(most));
  if (room == nullptr) return made;
  stb::stbi__zbuf state;
  state.num_bits = 0;
  auto* start = reinterpret_cast<unsigned char*>(const_cast<char*>(stream));  // it only reads
  state.zbuffer = start;
  state.zbuffer_end = start + size + 4;
  const bool good = stb::stbi__do_zlib(&state, room, static_cast<int>(most), 1, 1) != 0;
  made.used = static_cast<std::size_t>(state.zbuffer - start) -
              static_cast<std::size_t>((std::max)(state.num_bits, 0) / 8);
  made.cut = good ? made.used > size : state.zbuffer >= state.zbuffer_end;
  made.count = static_cast<std::size_t>(state.zout - state.zout_start);
  made.bytes.reset(reinterpret_cast<unsigned char*>(state.zout_start));
  if (!good || made.cut) made.bytes.reset();
  return made;
}

/// A walk through the chunks of a PNG with all their checksums, then through its inflated rows,
/// which the decoder neither counts nor checks. Header, palette and data must be right; anything
/// else that is wrong is dropped with a note.
class PngWalk : public ImageBytes {
 public:
  using ImageBytes::ImageBytes;

  /// `on_header` is called when the size is known, before memory is taken because of it.
  [[nodiscard, gnu::cold]] PictureHeader read(
      const FunctionRef<void(const PictureHeader&)>& on_header = [](const PictureHeader&) {}) {
    std::size_t at = png_signature.size();
    essence_.reserve(bytes_.size() + 64);
    essence_ = png_signature;
    for (bool first = true, ended = false; !ended; first = false) {
      const std::size_t left = bytes_.size() - at;
      const std::size_t length = left < 8 ? 0 : big32(at);
      const std::string_view kind = left < 8 ? std::string_view() : bytes_.substr(at + 4, 4);
      if (left < 12 || length > left - 12) {
        if (!has_data_ || kind == "IDAT") broken_off(at, length);
        note({"It breaks off behind its data; all its pixels are there."});
        break;
      }
      const std::string_view body = bytes_.substr(at + 8, length);
      const bool sound = crc32(kind.data(), length + 4) == big32(at + 8 + length);
      if (kind == "CgBI") unsupported({"a PNG in the form that only iPhones read"});
      if (first != (kind == "IHDR")) corrupt({"IHDR is not the first chunk, or comes twice"});
      if (sound) {
        read_chunk(kind, body);
      } else {
        refuse_checksum(kind, at);
      }
      if (first) on_header(header_);
      ended = kind == "IEND";
      at += length + 12;
      if (ended && at != bytes_.size())
        note({bytes_.size() - at, " bytes behind its end are ignored."});
    }
    if (!has_data_) corrupt({"it has no data chunk"});
    return std::move(header_);
  }

  /// The same picture with the chunks that the decoder needs and no other. It is handed out once.
  [[nodiscard, gnu::cold]] std::string essence() {
    put_big32(&essence_[essence_.size() - packed_ - 8], static_cast<std::uint32_t>(packed_));
    essence_.append(4, '\0');
    append("IEND", {});
    return std::move(essence_);
  }

  /// Inflates the rows of `essence()` and compares their number, checksum, filters and colours with
  /// what was announced. No more memory is taken than the announced rows need. The result is what
  /// is to be noted. A checksum that is missing is put in its place, since decoders ask for it.
  [[gnu::cold]] std::vector<std::string> check_rows(std::string& essence) {
    const std::size_t packed = packed_;
    const char* stream = essence.data() + essence.size() - 16 - packed;
    const std::size_t expected = row_bytes();
    constexpr std::size_t most = (std::numeric_limits<int>::max)();
    if (expected > most)  // `packed` is less than the file, which is smaller
      fail("image_limit", {"The picture is too large to be decoded. Save it as several."});
    if (packed < 6 && !split_)
      fail("image_truncated", {"The picture has hardly any data. Copy it again."});
    const Inflated rows = inflate(stream, packed, expected);
    if (stb_starved) throw std::bad_alloc();
    if (stb_refused)
      fail("image_limit",
           {"The data of the picture inflate to more than the ", expected, " bytes that its ",
            header_.width, " x ", header_.height, " pixels need."});
    const bool missing = rows.cut || (rows.bytes != nullptr && rows.count < expected);
    if (missing && split_) corrupt({"its data are in two places"});
    if (missing)
      fail("image_truncated",
           {"The data of the picture end before the ", expected, " bytes that its ", header_.width,
            " x ", header_.height, " pixels need. Copy or download it again."});
    if (rows.bytes == nullptr) corrupt({"its data cannot be inflated"});
    header_.notes.clear();  // those of `read` were handed out
    check_end(stream, packed, rows);
    if (packed - rows.used < 4) put_checksum(essence, packed, rows);
    check_filters(rows.bytes.get());
    if (colour_ == 3) check_colours(rows.bytes.get());
    return std::move(header_.notes);
  }

 private:
  void note(std::initializer_list<Part> parts) { header_.notes.push_back(joined(parts)); }

  [[noreturn]] void broken_off(std::size_t at, std::size_t length) const {
    if (length > 0x7fffffffU) corrupt({"a chunk announces ", length, " bytes, at byte ", at});
    truncated();
  }

  /// Of a chunk whose checksum is wrong.
  [[gnu::cold]] void refuse_checksum(std::string_view kind, std::size_t at) {
    const bool behind = data_ended_ || (has_data_ && kind != "IDAT");
    data_ended_ = behind;
    if (!behind && kind[0] >= 'A' && kind[0] <= 'Z' && kind != "IEND")
      corrupt({"the checksum of the chunk ", in_quotes(kind), " at byte ", at, " is wrong"});
    note({"The checksum of the chunk ", in_quotes(kind), " is wrong; it is ignored."});
  }

  /// The checksum of the rows must follow them; what follows that is not looked at.
  [[gnu::cold]] void check_end(const char* stream, std::size_t packed, const Inflated& rows) {
    if (packed - rows.used < 4) return note({"The checksum of its data is missing."});
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < 4; ++i)
      sum = sum << 8U | static_cast<unsigned char>(stream[rows.used + i]);
    if (sum != adler32(rows.bytes.get(), rows.count))
      corrupt({"the checksum of its data is wrong"});
    const std::size_t rest = packed - rows.used - 4;
    if (rest > 0) note({rest, " bytes behind its data are ignored."});
  }

  [[gnu::cold]] static void put_checksum(std::string& essence, std::size_t packed,
                                         const Inflated& rows) {
    const std::size_t start = essence.size() - 16 - packed, end = start + rows.used;
    essence.insert(end, 4 - (packed - rows.used), '\0');
    put_big32(&essence[end], adler32(rows.bytes.get(), rows.count));
    put_big32(&essence[start - 8], static_cast<std::uint32_t>(rows.used + 4));
  }

  [[gnu::cold]] void read_chunk(std::string_view kind, std::string_view body) {
    data_ended_ = data_ended_ || (has_data_ && kind != "IDAT");
    if (kind == "IHDR") {
      read_header(body);
    } else if (kind == "IDAT") {
      read_data(body);
    } else if (data_ended_) {
      read_tail(kind, body);
    } else if (kind == "PLTE") {
      if (!palette_.empty() || body.empty() || body.size() % 3 != 0 || body.size() > 3 * 256)
        corrupt({"its palette is no palette"});
      palette_ = body;
    } else if (kind == "tRNS") {
      read_transparency(body);
    } else if (kind == "acTL") {
      note({"It is animated; only its first picture is read."});
    } else if (kind == "iCCP") {
      if (header_.icc_parts.empty()) header_.icc_parts.push_back(body);
    } else if (kind == "eXIf") {
      if (header_.exif.empty()) header_.exif = body;
    } else if (kind == "pHYs") {
      read_density(body);
    } else if (is_colour_chunk(kind)) {
      read_colour(kind, body);
    } else if (kind != "IEND" && kind[0] >= 'A' && kind[0] <= 'Z') {
      unsupported({"a PNG with the chunk ", in_quotes(kind)});
    }
  }

  [[gnu::cold]] void read_data(std::string_view body) {
    if (!data_ended_) {
      if (colour_ == 3 && palette_.empty()) corrupt({"it has no palette"});
      if (!has_data_) begin_data();
      packed_ += body.size();
      essence_ += body;
    } else if (!split_ && !body.empty()) {
      split_ = true;
      note({"Data that come behind other chunks are ignored."});
    }
  }

  /// What the essence has before its data.
  [[gnu::cold]] void begin_data() {
    has_data_ = true;
    append("IHDR", bytes_.substr(png_signature.size() + 8, 13));
    if (colour_ == 3) append("PLTE", palette_);
    if (!transparency_.empty()) append("tRNS", transparency_);
    essence_.append(4, '\0').append("IDAT");
  }

  /// What follows the data can no longer say how they are read.
  [[gnu::cold]] void read_tail(std::string_view kind, std::string_view body) {
    if (kind == "eXIf" && header_.exif.empty()) {
      header_.exif = body;
    } else if (kind == "PLTE" || kind == "tRNS" || kind == "iCCP" || kind == "pHYs" ||
               is_colour_chunk(kind)) {
      note({"The chunk ", in_quotes(kind), " comes behind the data; it is ignored."});
    } else if (kind != "IEND" && kind[0] >= 'A' && kind[0] <= 'Z') {
      note({"The chunk ", in_quotes(kind), " is unknown; it is ignored."});
    }
  }

  [[gnu::cold]] void read_transparency(std::string_view body) {
    const std::size_t colours =
        (std::min<std::size_t>)(palette_.size() / 3,
                                std::size_t{1} << static_cast<unsigned>(header_.bits));
    const std::size_t most = colour_ == 0 ? 2 : colour_ == 2 ? 6 : colours;
    if (colour_ > 3 || !transparency_.empty() || body.empty() || body.size() > most ||
        (colour_ != 3 && body.size() != most))
      return note({"What it says about transparency does not fit its colours; it is ignored."});
    transparency_ = body;
    header_.alpha = true;
    if (colour_ == 3) return;
    bool fits = true;  // the colour's samples, of 16 bits each
    const unsigned mask = (1U << static_cast<unsigned>(header_.bits)) - 1;
    for (std::size_t i = 0; i < most; ++i) {
      const unsigned bits = i % 2 == 0 ? mask >> 8U : mask & 255U;
      const auto byte = static_cast<unsigned char>(body[i]);
      fits = fits && (byte & ~bits) == 0;
      transparency_[i] = static_cast<char>(byte & bits);
    }
    if (!fits) note({"The transparent colour has more bits than the samples; the low ones count."});
  }

  [[gnu::cold]] void read_density(std::string_view body) {
    if (body.size() != 9 || (body[8] != 0 && body[8] != 1))
      return note({"What it says about its resolution is damaged; it is dropped."});
    const auto at = static_cast<std::size_t>(body.data() - bytes_.data());
    header_.density = {big32(at), big32(at + 4),
                       body[8] == 1 ? ImageDensity::Unit::metre : ImageDensity::Unit::none};
  }

  [[gnu::cold]] void read_colour(std::string_view kind, std::string_view body) {
    if (!sound_colour_chunk(kind, body))
      return note({"The chunk ", in_quotes(kind), " is damaged; it is dropped."});
    for (const ColourChunk& other : header_.colour)
      if (other.kind == kind) return;
    header_.colour.push_back({std::string(kind), std::string(body)});
  }

  [[gnu::cold]] void read_header(std::string_view body) {
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

  [[gnu::cold]] void append(std::string_view kind, std::string_view body) {
    store_big32(essence_, static_cast<std::uint32_t>(body.size()));
    essence_ += kind;
    essence_ += body;
    essence_.append(4, '\0');  // the decoder does not look at the checksum
  }

  [[nodiscard, gnu::cold]] std::size_t row_bytes() const {
    std::size_t sum = 0;
    for (const Pass& pass : passes())
      sum = saturated_sum(sum, saturated_product(pass.height, pass.bytes + 1));
    return sum;
  }

  /// A picture of the file, by the bytes of a row; of an interlaced one there are seven. One that
  /// is empty has no rows.
  struct Pass {
    std::size_t height = 0, width = 0, bytes = 0;
  };
  [[nodiscard, gnu::cold]] std::array<Pass, 7> passes() const {
    using Grid = std::array<std::uint32_t, 4>;  // the first pixel, and steps to the next
    constexpr Grid whole{0, 0, 1, 1};
    constexpr std::array<Grid, 7> adam7{{{0, 0, 8, 8},
                                         {4, 0, 8, 8},
                                         {0, 4, 4, 8},
                                         {2, 0, 4, 4},
                                         {0, 2, 2, 4},
                                         {1, 0, 2, 2},
                                         {0, 1, 1, 2}}};
    const std::size_t bits = static_cast<std::size_t>(header_.bits * stored_channels_);
    std::array<Pass, 7> made;
    for (std::size_t i = 0; i < (interlaced_ ? made.size() : 1); ++i) {
      const auto& [x, y, dx, dy] = interlaced_ ? adam7[i] : whole;
      const std::size_t width = (std::size_t{header_.width} + dx - 1 - x) / dx;
      const std::size_t height = (std::size_t{header_.height} + dy - 1 - y) / dy;
      if (width > 0 && height > 0)
        made[i] = {height, width, ceil_div(saturated_product(width, bits), 8)};
    }
    return made;
  }

  /// Unfilters the rows of a palette, since it is to be known which colours they name.
  [[gnu::noinline]] void check_filters(unsigned char* row) const {
    for (const Pass& pass : passes())
      for (std::size_t y = 0; y < pass.height; ++y, row += pass.bytes + 1) {
        if (*row > 4) corrupt({"a row has the filter ", unsigned{*row}});
        if (colour_ == 3) unfilter(row, y == 0 ? nullptr : row - pass.bytes, pass.bytes);
      }
  }

  /// Undoes the filter of a row of single bytes; `above` is where the row before it starts.
  static void unfilter(unsigned char* row, const unsigned char* above, std::size_t count) {
    const unsigned filter = *row++;
    int left = 0, corner = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const int up = above != nullptr ? above[i] : 0;
      left = row[i] = static_cast<unsigned char>(row[i] + png_guesses(left, up, corner)[filter]);
      corner = up;
    }
  }

  /// The colour numbers of the unfiltered rows must be within the palette.
  [[gnu::noinline]] void check_colours(const unsigned char* row) const {
    const auto bits = static_cast<unsigned>(header_.bits);
    const std::size_t colours = palette_.size() / 3;
    std::size_t most = 0;
    for (const Pass& pass : passes())
      for (std::size_t y = 0; y < pass.height; ++y, row += pass.bytes + 1)
        for (std::size_t x = 0; x < pass.width; ++x) {
          const std::size_t bit = x * bits;
          const unsigned shift = 8 - bits - static_cast<unsigned>(bit % 8);
          most = (std::max<std::size_t>)(most, (row[1 + bit / 8] >> shift) & ((1U << bits) - 1));
        }
    if (most >= colours)
      corrupt({"a pixel has the colour number ", most, ", but the palette has ", colours});
  }

  PictureHeader header_;
  unsigned colour_ = 0;
  int stored_channels_ = 0;
  bool interlaced_ = false;
  bool data_ended_ = false;  // another chunk followed the data
  bool split_ = false;       // and more data followed that
  std::string_view palette_;
  std::string transparency_;
  bool has_data_ = false;
  std::size_t packed_ = 0;  // bytes of the data
  std::string essence_;
};

}}}  // namespace eqsr::EQSR_ABI::detail
