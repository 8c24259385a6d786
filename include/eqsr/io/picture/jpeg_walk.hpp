// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/function_ref.hpp>  // FunctionRef
#include <eqsr/core/math.hpp>          // ceil_div
#include <eqsr/io/picture/header.hpp>
#include <eqsr/io/picture/jpeg_scan.hpp>

#include <algorithm>  // all_of, max, min
#include <utility>    // move

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// A walk through the segments of a JPEG and through its coded data, block by block, as far as the
/// last block of the picture. What lies behind it is told in notes.
class JpegWalk : public ImageBytes {
 public:
  using ImageBytes::ImageBytes;

  /// `on_frame` is called when the size is known, before memory is taken because of it.
  [[nodiscard, gnu::cold]] PictureHeader read(
      const FunctionRef<void(const PictureHeader&)>& on_frame = [](const PictureHeader&) {}) {
    on_frame_ = &on_frame;
    essence_.reserve(bytes_.size() + 1024);  // of our own are tables and headers
    essence_ = jpeg_signature;
    at_ = 2;
    for (bool more = true; more;) more = complete_ ? pass_tail() : read_segment();
    if (channels_.empty() || scans_ == 0) corrupt({"it has no data"});
    if (!has_begun()) fail_truncated("before it has all its channels");
    if (!complete_)
      note({"Its last scans are missing; it is shown as sharp as those before them."});
    if (stray_ > 0) note({stray_, " stray bytes outside of its data are ignored."});
    header_.icc_complete = icc_seen_ == header_.icc_parts.size();
    return std::move(header_);
  }

  /// The same picture as a decoder likes it: no segment that it does not need, no stray byte, an
  /// end. It is handed out once.
  [[nodiscard, gnu::cold]] std::string essence() {
    essence_ += "\xff\xd9";
    return std::move(essence_);
  }

 private:
  void note(std::initializer_list<Part> parts) { header_.notes.push_back(joined(parts)); }
  [[noreturn]] void fail_truncated(const char* when) const {
    fail("image_truncated", {"The picture ends ", when, ". Copy or download it again."});
  }

  /// Passes over stray bytes up to the next marker behind `at_`, and returns it; 0 at the end.
  unsigned next_marker() {
    for (;;) {
      const std::size_t start = at_;
      at_ = (std::min)(bytes_.find('\xff', at_), bytes_.size());
      stray_ += at_ - start;
      while (at_ < bytes_.size() && bytes_[at_] == '\xff') ++at_;
      if (at_ == bytes_.size()) return 0;
      const auto marker = static_cast<unsigned char>(bytes_[at_++]);
      // Zero is a byte of data; 1 and the restart markers stand alone and mean nothing here.
      if (marker > 1 && (marker < 0xd0 || marker > 0xd7)) return marker;
      stray_ += 2;
    }
  }

  /// Whether there is more before the end marker.
  [[gnu::cold]] bool read_segment() {
    const unsigned marker = next_marker();
    if (marker == 0) truncated();
    if (marker == 0xd9) return end();
    if (marker < 0xc0 || marker == 0xd8)
      corrupt({"the marker ff ", hex_byte(static_cast<char>(marker)), " where a segment belongs"});
    const std::size_t length = big16(at_);
    if (length < 2) corrupt({"a segment announces ", length, " bytes, at byte ", at_});
    if (length > bytes_.size() - at_) truncated();
    const std::size_t body = at_ + 2;
    at_ += length;
    read_body(marker, body, bytes_.substr(body, length - 2));
    return true;
  }

  /// Behind the last block nothing is an error.
  [[gnu::cold]] bool pass_tail() {
    const unsigned marker = next_marker();
    if (marker == 0) return end_missing();
    if (marker == 0xd9) return end();
    const std::size_t length = bytes_.size() - at_ < 2 ? 0 : big16(at_);
    const bool sound =
        marker >= 0xc0 && marker != 0xd8 && length >= 2 && length <= bytes_.size() - at_;
    if (sound) {
      at_ += length;
    } else {
      stray_ += 2;
    }
    return true;
  }
  [[gnu::cold]] bool end_missing() {
    note({"It has no end marker; all its data are there."});
    return false;
  }
  bool end() {
    if (const std::size_t rest = bytes_.size() - at_; rest > 0)
      note({rest, " bytes behind the end are ignored."});
    return false;
  }

  [[gnu::cold]] void read_body(unsigned marker, std::size_t at, std::string_view body) {
    using namespace std::string_view_literals;
    const std::string_view segment = bytes_.substr(at - 4, body.size() + 4);
    const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xcc;
    if (frame) {
      read_frame(marker, at, body.size());
      keep_frame(segment);
      return;
    } else if (marker == 0xc4) {
      read_huffman_tables(body);
    } else if (marker == 0xda) {
      return read_scan(at, body.size());
    } else if (marker == 0xdb) {
      read_quantisation_tables(body);
      // Those of a channel's first scan count for all; some decoders take the last ones.
      if (progressive_ && has_begun()) return;
    } else if (marker == 0xdd) {
      if (body.size() != 2) corrupt({"its restart interval has a wrong length"});
      interval_ = big16(at);
    } else if (marker == 0xe0 && body.size() >= 14 && body.starts_with("JFIF\0"sv)) {
      jfif_ = true;
      read_density(body);
    } else if (marker == 0xee && body.size() >= 12 && body.starts_with("Adobe"sv)) {
      adobe_ = static_cast<unsigned char>(body[11]);
    } else {
      return keep_metadata(marker, body);
    }
    essence_ += segment;
  }

  [[gnu::cold]] void keep_metadata(unsigned marker, std::string_view body) {
    using namespace std::string_view_literals;
    if (marker == 0xe1 && body.starts_with("Exif\0\0"sv) && header_.exif.empty()) {
      header_.exif = body.substr(6);
    } else if (marker == 0xe2 && body.size() >= 14 && body.starts_with("ICC_PROFILE\0"sv)) {
      keep_profile(static_cast<unsigned char>(body[12]), static_cast<unsigned char>(body[13]),
                   body.substr(14));
    }
  }

  [[gnu::cold]] void read_density(std::string_view body) {
    const auto number = [&](std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(body[i]) << 8U |
                                        static_cast<unsigned char>(body[i + 1]));
    };
    const auto unit = static_cast<unsigned char>(body[7]);
    header_.density = {number(8), number(10),
                       unit == 1   ? ImageDensity::Unit::inch
                       : unit == 2 ? ImageDensity::Unit::centimetre
                                   : ImageDensity::Unit::none};
  }

  [[gnu::cold]] void read_frame(unsigned marker, std::size_t at, std::size_t length) {
    if (!channels_.empty()) corrupt({"it has two headers"});
    if (marker > 0xc8) unsupported({"an arithmetic-coded JPEG"});
    if (marker > 0xc2) unsupported({"a lossless or hierarchical JPEG"});
    if (byte(at) != 8) unsupported({"a JPEG of ", byte(at), " bits a sample"});
    header_.height = big16(at + 1);
    header_.width = big16(at + 3);
    if (header_.height == 0) unsupported({"a JPEG that tells its height at the end"});
    if (header_.width == 0)
      fail("image_limit", {"The picture has no pixels; it cannot be enlarged."});
    const unsigned count = byte(at + 5);
    header_.channels = static_cast<int>(count);
    if (count == 4) unsupported({"a CMYK picture, made for printing"});
    if (count != 1 && count != 3) corrupt({"it has ", count, " channels"});
    if (length != 6 + 3 * std::size_t{count}) corrupt({"its header has a wrong length"});
    progressive_ = marker == 0xc2;
    for (std::size_t i = at + 6; i < at + length; i += 3)
      channels_.push_back({byte(i), byte(i + 1) >> 4U, byte(i + 1) & 15U, byte(i + 2)});
    name_channels();
    read_sampling();
    (*on_frame_)(header_);
    for (JpegChannel& channel : channels_) {
      channel.precision.fill(-1);
      if (progressive_) channel.nonzero.resize(channel.full_width * full_height(channel));
    }
  }

  /// Some files give several channels one name; then they come in order.
  [[gnu::cold]] void name_channels() {
    bool unique = true;
    for (std::size_t i = 0; i < channels_.size(); ++i)
      for (std::size_t k = 0; k < i; ++k) unique = unique && channels_[i].id != channels_[k].id;
    for (std::size_t i = 0; i < channels_.size(); ++i)
      channels_[i].name = unique ? channels_[i].id : static_cast<unsigned>(i + 1);
  }
  [[gnu::cold]] void keep_frame(std::string_view segment) {
    const std::size_t names = essence_.size() + 10;
    essence_ += segment;
    for (std::size_t i = 0; i < channels_.size(); ++i)
      essence_[names + 3 * i] = static_cast<char>(channels_[i].name);
  }

  [[gnu::cold]] void read_sampling() {
    unsigned across = 1, down = 1;
    for (const JpegChannel& channel : channels_) {
      if (channel.across < 1 || channel.down < 1 || channel.across > 4 || channel.down > 4)
        corrupt({"its sampling factors are not 1 to 4"});
      across = (std::max)(across, channel.across);
      down = (std::max)(down, channel.down);
    }
    header_.tile_x = 8 * across;
    header_.tile_y = 8 * down;
    units_across_ = ceil_div(std::size_t{header_.width}, header_.tile_x);
    units_down_ = ceil_div(std::size_t{header_.height}, header_.tile_y);
    for (JpegChannel& channel : channels_) {
      if (across % channel.across != 0 || down % channel.down != 0)
        unsupported({"a JPEG whose channels have sizes that do not divide each other"});
      channel.width = ceil_div(std::size_t{header_.width} * channel.across, header_.tile_x);
      channel.height = ceil_div(std::size_t{header_.height} * channel.down, header_.tile_y);
      channel.full_width = units_across_ * channel.across;
    }
  }
  [[nodiscard]] std::size_t full_height(const JpegChannel& channel) const {
    return units_down_ * channel.down;
  }

  [[gnu::cold]] void read_huffman_tables(std::string_view body) {
    while (!body.empty()) {
      std::size_t codes = 0;
      for (std::size_t i = 1; i <= 16 && i < body.size(); ++i)
        codes += static_cast<unsigned char>(body[i]);
      const auto place = static_cast<unsigned char>(body[0]);
      if (codes > 256 || body.size() < 17 + codes || (place >> 4U) > 1 || (place & 15U) > 3)
        corrupt({"a Huffman table is no table"});
      JpegHuffman& table = huffman_[place >> 4U][place & 15U];
      table = JpegHuffman(body.substr(1, 16 + codes));
      if (!table.sound()) corrupt({"a Huffman table is no table"});
      body.remove_prefix(17 + codes);
    }
  }

  /// Whether every channel has had its first scan.
  [[nodiscard]] bool has_begun() const {
    return std::all_of(channels_.begin(), channels_.end(),
                       [](const JpegChannel& channel) { return channel.seen; });
  }
  [[gnu::cold]] void read_quantisation_tables(std::string_view body) {
    while (!body.empty()) {
      const auto place = static_cast<unsigned char>(body[0]);
      const std::size_t size = (place >> 4U) == 0 ? 65 : 129;
      if ((place >> 4U) > 1 || (place & 15U) > 3 || body.size() < size)
        corrupt({"a quantisation table is no table"});
      quantised_[place & 15U] = true;
      body.remove_prefix(size);
    }
  }

  [[gnu::cold]] void read_scan(std::size_t at, std::size_t length) {
    if (channels_.empty()) corrupt({"its data come before its header"});
    // Each scan passes over the whole picture; real ones have about ten.
    if (scans_ == 0) header_.ycbcr = channels_.size() == 3 && is_ycbcr();
    if (++scans_ > 100) fail("image_limit", {"The picture has more than 100 scans."});
    const std::size_t count = length == 0 ? 0 : byte(at);
    if (count < 1 || count > channels_.size() || length != 4 + 2 * count)
      corrupt({"the header of its data has a wrong length"});
    JpegScan scan;
    const std::size_t end = at + 1 + 2 * count;
    scan.progressive = progressive_;
    scan.interval = interval_;
    scan.units_across = units_across_;
    scan.units_down = units_down_;
    if (progressive_) read_band(scan, end, count);
    for (std::size_t i = at + 1; i < end; i += 2) scan.parts.push_back(read_part(scan, i));
    std::size_t blocks = 0;
    for (const JpegScan::Part& part : scan.parts)
      blocks += std::size_t{part.channel->across} * part.channel->down;
    if (count > 1 && blocks > 10) corrupt({"its channels are too many blocks a unit"});
    follow(scan, at, end);
  }

  [[gnu::cold]] void read_band(JpegScan& scan, std::size_t at, std::size_t count) const {
    scan.first = byte(at);
    scan.last = byte(at + 1);
    scan.high = byte(at + 2) >> 4U;
    scan.low = byte(at + 2) & 15U;
    const bool band =
        scan.first == 0 ? scan.last == 0 : scan.last >= scan.first && scan.last < 64 && count == 1;
    if (!band || scan.low > 13 || (scan.high != 0 && scan.low + 1 != scan.high))
      corrupt({"its scans refine nothing"});
  }

  JpegScan::Part read_part(const JpegScan& scan, std::size_t at) {
    for (JpegChannel& channel : channels_) {
      // They come in the order of the header.
      const std::size_t before = scan.parts.size();
      const bool later = before == 0 || &channel > scan.parts[before - 1].channel;
      if (channel.id != byte(at) || !later) continue;
      if (channel.table > 3 || !quantised_[channel.table])
        corrupt({"a table of quantisation is missing"});
      const bool dc = scan.first == 0 && scan.high == 0, ac = scan.last > 0;
      const unsigned tables = byte(at + 1);
      return {&channel, dc ? &huffman(0, tables >> 4U) : nullptr,
              ac ? &huffman(1, tables & 15U) : nullptr};
    }
    corrupt({"its data name a channel that it has not"});
  }

  const JpegHuffman& huffman(unsigned kind, unsigned place) {
    if (place > 3) corrupt({"its data name a Huffman table that cannot be"});
    JpegHuffman& table = huffman_[kind][place];
    if (!table.defined()) {
      if (progressive_ || place > 1) corrupt({"a Huffman table is missing"});
      if (!standard_) note({"It has no Huffman tables; the standard ones are used."});
      standard_ = true;
      table = JpegHuffman(jpeg_standard_tables[kind][place]);
      essence_ += jpeg_standard_segments[kind][place];
      essence_ += table.body();
    }
    if (kind == 0 && !table.fits_dc()) corrupt({"a Huffman table is no table"});
    return table;
  }

  /// Through the blocks of a scan that starts at `at` and whose data start three bytes behind
  /// `end`.
  [[gnu::cold]] void follow(const JpegScan& scan, std::size_t at, std::size_t end) {
    using namespace std::string_view_literals;
    // The header is written anew, without what does not matter and could be wrong.
    essence_ += bytes_.substr(at - 4, 5);
    for (std::size_t i = 0; i < scan.parts.size(); ++i) {
      const unsigned tables = byte(at + 2 + 2 * i);
      essence_ += static_cast<char>(scan.parts[i].channel->name);
      essence_ += static_cast<char>((scan.parts[i].dc != nullptr ? tables & 0xf0U : 0) |
                                    (scan.parts[i].ac != nullptr ? tables & 0x0fU : 0));
    }
    essence_ += progressive_ ? bytes_.substr(end, 3) : "\0\x3f\0"sv;
    JpegScanWalk walk(scan, bytes_, end + 3, essence_);
    switch (walk.run()) {
      case JpegScanWalk::End::whole:
        break;
      case JpegScanWalk::End::truncated:
        fail_truncated("before its last block");
      case JpegScanWalk::End::bad_code:
        corrupt({"its data hold what is no code"});
      case JpegScanWalk::End::no_restart:
        corrupt({"bytes are missing from its data, or too many, before a restart marker"});
    }
    at_ = walk.position();
    stray_ += walk.stray();
    if (walk.beyond()) note({"A code leads beyond its block, so its data are damaged there."});
    for (const JpegScan::Part& part : scan.parts) {
      part.channel->seen = part.channel->seen || scan.first == 0;
      for (unsigned k = scan.first; k <= scan.last; ++k)
        part.channel->precision[k] = static_cast<signed char>(scan.low);
    }
    complete_ = precise();
  }

  /// Whether every bit of every coefficient was sent.
  [[nodiscard]] bool precise() const {
    for (const JpegChannel& channel : channels_)
      for (const signed char low : channel.precision)
        if (low != 0) return false;
    return true;
  }

  /// As libjpeg decides: JFIF is brightness and colour, Adobe says what it is, else names count.
  [[nodiscard]] bool is_ycbcr() const {
    if (jfif_) return true;
    if (adobe_ >= 0) return adobe_ != 0;
    return channels_[0].id != 'R' || channels_[1].id != 'G' || channels_[2].id != 'B';
  }

  [[gnu::cold]] void keep_profile(std::size_t number, std::size_t count, std::string_view part) {
    if (number == 0 || number > count) return;
    if (header_.icc_parts.empty()) header_.icc_parts.resize(count);
    if (count != header_.icc_parts.size() || !header_.icc_parts[number - 1].empty()) return;
    header_.icc_parts[number - 1] = part;
    ++icc_seen_;
  }

  const FunctionRef<void(const PictureHeader&)>* on_frame_ = nullptr;
  PictureHeader header_;
  UpToThree<JpegChannel> channels_;
  std::size_t units_across_ = 0, units_down_ = 0;
  JpegHuffman huffman_[2][4];  // of DC and AC
  bool quantised_[4] = {};
  bool progressive_ = false, complete_ = false, standard_ = false, jfif_ = false;
  int adobe_ = -1;  // the transform that Adobe's segment names
  std::size_t at_ = 0, interval_ = 0, scans_ = 0, stray_ = 0, icc_seen_ = 0;
  std::string essence_;
};

}}}  // namespace eqsr::EQSR_ABI::detail
