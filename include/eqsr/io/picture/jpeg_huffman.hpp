// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <array>        // array
#include <cstddef>      // size_t
#include <cstdint>      // uint64_t
#include <string_view>  // string_view

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// The bits of coded data in a JPEG, up to the marker that ends them (ITU-T T.81, F.2.2.5). Bits
/// beyond the end are zeros, and `ended` says that some were asked for.
class JpegBits {
 public:
  JpegBits(std::string_view bytes, std::size_t at) : bytes_(bytes), at_(at) {}

  /// The next 16 bits, without passing over them.
  [[nodiscard]] unsigned peek16() {
    if (count_ < 16) fill();
    return static_cast<unsigned>(bits_ >> 48U);
  }
  /// Passes over at most 64 bits.
  void skip(int count) {
    while (count > 16) {
      skip(16);
      count -= 16;
    }
    if (count_ < count) fill();
    if (count_ < count) {
      ended_ = true;
      count_ = count;
    }
    bits_ <<= static_cast<unsigned>(count);
    count_ -= count;
  }
  /// The value of the next `count` bits, at most 16.
  [[nodiscard]] unsigned take(int count) {
    const unsigned value = count == 0 ? 0 : peek16() >> static_cast<unsigned>(16 - count);
    skip(count);
    return value;
  }

  /// Whether more bits were asked for than there are.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Whether whole bytes of data follow the bits that were passed over.
  [[nodiscard]] bool more() {
    fill();
    return count_ >= 8;
  }
  /// The first byte that no bit was taken from: a marker, or stray data.
  [[nodiscard]] std::size_t position() const {
    std::size_t at = at_;
    for (int unread = count_ / 8; unread > 0; --unread) {
      const bool stuffed = bytes_[--at] == '\0' && bytes_[at - 1] == '\xff';
      while (stuffed && bytes_[at - 1] == '\xff' && at > start_) --at;
    }
    return at;
  }
  /// Goes on behind a restart marker.
  void restart_at(std::size_t at) {
    at_ = start_ = at;
    bits_ = 0;
    count_ = 0;
  }

 private:
  [[gnu::noinline]] void fill() {
    while (count_ <= 56 && at_ < bytes_.size()) {
      std::size_t next = at_ + 1;
      const auto byte = static_cast<unsigned char>(bytes_[at_]);
      if (byte == 0xff) {  // a zero behind it means 255; filling 255s may lie between
        while (next < bytes_.size() && bytes_[next] == '\xff') ++next;
        if (next == bytes_.size() || bytes_[next] != '\0') return;
        ++next;
      }
      at_ = next;
      bits_ |= std::uint64_t{byte} << static_cast<unsigned>(56 - count_);
      count_ += 8;
    }
  }

  std::string_view bytes_;
  std::size_t at_, start_ = at_;
  std::uint64_t bits_ = 0;  // the next one highest
  int count_ = 0;
  bool ended_ = false;
};

/// A Huffman table of a JPEG (T.81, annex C): 16 counts of codes, one a length, then the symbols.
class JpegHuffman {
 public:
  JpegHuffman() = default;
  [[gnu::cold]] explicit JpegHuffman(std::string_view body) : sound_(true), body_(body) {
    unsigned code = 0;
    std::size_t symbol = 0;
    for (unsigned length = 1; length <= 16; ++length) {
      const auto count = static_cast<unsigned char>(body[length - 1]);
      first_[length] = static_cast<int>(symbol) - static_cast<int>(code);
      for (unsigned i = 0; i < count; ++i, ++code, ++symbol)
        if (length <= fast_bits && code < (1U << length)) {
          const unsigned shift = fast_bits - length;
          for (unsigned low = 0; low < (1U << shift); ++low)
            fast_[code << shift | low] = static_cast<std::uint16_t>(
                length << 8U | static_cast<unsigned char>(body[16 + symbol]));
        }
      // The code of ones alone is none (T.81, C.2).
      sound_ = sound_ && (count == 0 || code < (1U << length));
      limit_[length] = code << (16 - length);
      code <<= 1U;
    }
  }

  [[nodiscard]] bool defined() const { return !body_.empty(); }
  /// Whether its codes are a code.
  [[nodiscard]] bool sound() const { return sound_; }
  /// Whether all symbols are sizes of differences, as those of a table for DC must be.
  [[nodiscard]] bool fits_dc() const {
    for (const char symbol : body_.substr(16))
      if (static_cast<unsigned char>(symbol) > 15) return false;
    return true;
  }
  [[nodiscard]] std::string_view body() const { return body_; }

  /// The symbol of the next code, or -1 if the bits are no code.
  [[nodiscard]] int read(JpegBits& bits) const {
    const unsigned next = bits.peek16();
    if (const unsigned fast = fast_[next >> (16 - fast_bits)]; fast != 0) {
      bits.skip(static_cast<int>(fast >> 8U));
      return static_cast<int>(fast & 255U);
    }
    for (unsigned length = fast_bits + 1; length <= 16; ++length)
      if (next < limit_[length]) {
        bits.skip(static_cast<int>(length));
        const int symbol = first_[length] + static_cast<int>(next >> (16 - length));
        return static_cast<unsigned char>(body_[16 + static_cast<std::size_t>(symbol)]);
      }
    return -1;
  }

 private:
  static constexpr unsigned fast_bits = 9;
  bool sound_ = false;
  std::string_view body_;
  std::array<std::uint16_t, 1U << fast_bits> fast_{};  // length and symbol of the short codes
  std::array<int, 17> first_{};       // what turns a code of this length into a symbol's place
  std::array<unsigned, 17> limit_{};  // behind the last code of this length, in 16 bits
};

/// The tables of T.81, annex K.3: of DC and AC, each for brightness and colour. Frames of motion
/// JPEG leave them out.
inline constexpr std::string_view jpeg_standard_tables[2][2] = {
    {{"\0\1\5\1\1\1\1\1\1\0\0\0\0\0\0\0\0\1\2\3\4\5\6\7\10\11\12\13", 28},
     {"\0\3\1\1\1\1\1\1\1\1\1\0\0\0\0\0\0\1\2\3\4\5\6\7\10\11\12\13", 28}},
    {{"\x00\x02\x01\x03\x03\x02\x04\x03\x05\x05\x04\x04\x00\x00\x01\x7d"
      "\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91"
      "\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a"
      "\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53"
      "\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79"
      "\x7a\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5"
      "\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9"
      "\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2"
      "\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
      178},
     {"\x00\x02\x01\x02\x04\x04\x03\x04\x07\x05\x04\x04\x00\x01\x02\x77"
      "\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14"
      "\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17"
      "\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a"
      "\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78"
      "\x79\x7a\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3"
      "\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7"
      "\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2"
      "\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa",
      178}}};
/// What stands in front of them in a file.
inline constexpr std::string_view jpeg_standard_segments[2][2] = {
    {{"\xff\xc4\x00\x1f\x00", 5}, {"\xff\xc4\x00\x1f\x01", 5}},
    {{"\xff\xc4\x00\xb5\x10", 5}, {"\xff\xc4\x00\xb5\x11", 5}}};

}}}  // namespace eqsr::EQSR_ABI::detail
