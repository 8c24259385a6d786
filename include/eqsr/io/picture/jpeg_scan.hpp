// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/picture/jpeg_huffman.hpp>

#include <algorithm>    // max, min
#include <array>        // array
#include <bit>          // popcount
#include <cstddef>      // size_t
#include <cstdint>      // uint64_t
#include <string>       // string
#include <string_view>  // string_view
#include <vector>       // vector

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// At most three things, one a channel.
template <class T>
class UpToThree {
 public:
  void push_back(T&& thing) { things_[size_++] = static_cast<T&&>(thing); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return things_[i]; }
  const T& operator[](std::size_t i) const { return things_[i]; }
  T* begin() { return things_; }
  T* end() { return things_ + size_; }
  [[nodiscard]] const T* begin() const { return things_; }
  [[nodiscard]] const T* end() const { return things_ + size_; }

 private:
  T things_[3]{};
  std::size_t size_ = 0;
};

/// A channel of a JPEG.
struct JpegChannel {
  unsigned id = 0, across = 1, down = 1;       ///< its sampling factors
  unsigned table = 0;                          ///< of quantisation
  std::size_t width = 0, height = 0;           ///< in blocks, what the picture needs
  std::size_t full_width = 0;                  ///< in blocks, rounded up to whole units
  bool seen = false;                           ///< whether a scan had its DC
  std::vector<std::uint64_t> nonzero{};        ///< of a progressive one: a bit a coefficient
  std::array<signed char, 64> precision = {};  ///< of a progressive one: the lowest bit sent; -1
  unsigned name = 0;                           ///< `id`, unless several channels have that one
};

/// What the header of a scan says (T.81, B.2.3), with the tables that it names.
struct JpegScan {
  struct Part {
    JpegChannel* channel = nullptr;
    const JpegHuffman *dc = nullptr, *ac = nullptr;
  };
  UpToThree<Part> parts;
  unsigned first = 0, last = 63;  ///< coefficients in zigzag order
  unsigned high = 0, low = 0;     ///< bits: sent before, and the lowest one sent now
  std::size_t interval = 0;       ///< units between restart markers; 0: none
  std::size_t units_across = 0, units_down = 0;
  bool progressive = false;
};

/// Follows the coded data of a scan block by block, without computing a sample, as a decoder does:
/// decoders invent what is missing, and do not tell.
class JpegScanWalk {
 public:
  enum class End { whole, truncated, bad_code, no_restart };

  /// The data start at `at`. What of them counts goes to `kept`.
  JpegScanWalk(const JpegScan& scan, std::string_view bytes, std::size_t at, std::string& kept)
      : scan_(scan), bytes_(bytes), bits_(bytes, at), position_(at), kept_(kept) {}

  [[gnu::noinline]] End run() {
    std::size_t left = scan_.interval;
    unsigned restart = 0;
    const bool alone = scan_.parts.size() == 1;
    const JpegChannel& only = *scan_.parts[0].channel;
    const std::size_t across = alone ? only.width : scan_.units_across;
    const std::size_t down = alone ? only.height : scan_.units_down;
    for (std::size_t y = 0; y < down; ++y) {
      for (std::size_t x = 0; x < across; ++x) {
        if (scan_.interval > 0 && left-- == 0) {
          if (!pass_restart(restart++ % 8)) return at_end() ? End::truncated : End::no_restart;
          left = scan_.interval - 1;
        }
        const bool good = alone ? block(scan_.parts[0], y * only.full_width + x) : unit(x, y);
        if (bits_.ended()) return at_end() ? End::truncated : End::no_restart;
        if (!good) return End::bad_code;
      }
    }
    keep(bits_.position());
    return End::whole;
  }

  /// The first byte behind the last block.
  [[nodiscard]] std::size_t position() const { return position_; }
  /// Whether a code sets a coefficient behind the last one that the scan has, which decoders take
  /// in different ways.
  [[nodiscard]] bool beyond() const { return beyond_; }
  /// How many bytes before restart markers are stray.
  [[nodiscard]] std::size_t stray() const { return stray_; }

 private:
  void keep(std::size_t end) {
    kept_.append(bytes_.data() + position_, end - position_);
    position_ = end;
  }

  bool unit(std::size_t x, std::size_t y) {
    for (const JpegScan::Part& part : scan_.parts) {
      const JpegChannel& channel = *part.channel;
      for (std::size_t v = 0; v < channel.down; ++v)
        for (std::size_t h = 0; h < channel.across; ++h) {
          const std::size_t at =
              (y * channel.down + v) * channel.full_width + x * channel.across + h;
          if (!block(part, at) || bits_.ended()) return false;
        }
    }
    return true;
  }

  bool block(const JpegScan::Part& part, std::size_t at) {
    if (!scan_.progressive) return dc(part) && sequential_ac(part);
    if (scan_.first == 0) {
      if (scan_.high == 0) return dc(part);
      bits_.skip(1);
      return true;
    }
    std::uint64_t& nonzero = part.channel->nonzero[at];
    return scan_.high == 0 ? first_ac(part, nonzero) : refined_ac(part, nonzero);
  }

  bool dc(const JpegScan::Part& part) {
    const int size = part.dc->read(bits_);
    bits_.skip((std::max)(size, 0));
    return size >= 0;
  }

  bool sequential_ac(const JpegScan::Part& part) {
    for (unsigned k = 1; k < 64; ++k) {
      const int symbol = part.ac->read(bits_);
      if (symbol < 0) return false;
      const int size = symbol & 15, run = symbol >> 4;
      if (size == 0 && run != 15) return true;
      k += static_cast<unsigned>(run);
      bits_.skip(size);
    }
    return true;
  }

  /// Counts the blocks that end here; the one at hand is the first of them.
  void end_band(int run) { ended_blocks_ = (1U << static_cast<unsigned>(run)) + bits_.take(run); }

  static std::uint64_t bit(unsigned k) { return std::uint64_t{1} << (std::min)(k, 63U); }

  bool first_ac(const JpegScan::Part& part, std::uint64_t& nonzero) {
    for (unsigned k = scan_.first; ended_blocks_ == 0 && k <= scan_.last; ++k) {
      const int symbol = part.ac->read(bits_);
      if (symbol < 0) return false;
      const int size = symbol & 15, run = symbol >> 4;
      if (size == 0 && run != 15) {
        end_band(run);
        break;
      }
      k += static_cast<unsigned>(run);
      if (size != 0) nonzero |= bit(k);
      bits_.skip(size);
    }
    if (ended_blocks_ > 0) --ended_blocks_;
    return true;
  }

  /// A coefficient that is not zero has a bit more (T.81, G.1.2.3).
  bool refined_ac(const JpegScan::Part& part, std::uint64_t& nonzero) {
    unsigned k = scan_.first;
    for (; ended_blocks_ == 0 && k <= scan_.last; ++k) {
      const int symbol = part.ac->read(bits_);
      if (symbol < 0) return false;
      const int size = symbol & 15;
      int run = symbol >> 4;
      if (size > 1) return false;
      if (size == 0 && run != 15) {
        end_band(run);
        break;
      }
      bits_.skip(size);
      for (; k <= scan_.last; ++k) {
        if ((nonzero & bit(k)) != 0)
          bits_.skip(1);
        else if (--run < 0)
          break;
      }
      if (size != 0) nonzero |= bit(k);
      beyond_ = beyond_ || (size != 0 && k > scan_.last);
    }
    if (ended_blocks_ > 0) {
      if (k <= scan_.last) {
        const std::uint64_t band =
            (~std::uint64_t{0} >> (63 - scan_.last)) & (~std::uint64_t{0} << k);
        bits_.skip(std::popcount(nonzero & band));
      }
      --ended_blocks_;
    }
    return true;
  }

  /// Passes over a restart marker, which must have its number. As many bytes before it as the
  /// buffer of a decoder holds are stray: decoders drop them without a word. More of them mean that
  /// the data before them are damaged.
  bool pass_restart(unsigned number) {
    constexpr int most = 7;
    ended_blocks_ = 0;
    const std::size_t begin = bits_.position();
    for (int i = 0; i < most && bits_.more(); ++i) bits_.skip(8);
    if (bits_.more()) return false;
    std::size_t at = bits_.position();
    if (at > begin) {
      keep(begin);
      position_ = at;
      stray_ += at - begin;
    }
    while (at < bytes_.size() && bytes_[at] == '\xff') ++at;
    if (at >= bytes_.size() || static_cast<unsigned char>(bytes_[at]) != 0xd0 + number)
      return false;
    bits_.restart_at(at + 1);
    return true;
  }

  /// Whether the data end here, so that what follows is the next segment or nothing.
  [[nodiscard]] bool at_end() {
    if (bits_.more()) return false;
    std::size_t at = bits_.position();
    while (at < bytes_.size() && bytes_[at] == '\xff') ++at;
    const unsigned marker = at < bytes_.size() ? static_cast<unsigned char>(bytes_[at]) : 0xd9;
    return marker < 0xd0 || marker > 0xd7;
  }

  const JpegScan& scan_;
  std::string_view bytes_;
  JpegBits bits_;
  std::size_t ended_blocks_ = 0;  // that end without a further coefficient
  std::size_t position_;          // behind what was kept or is stray
  std::size_t stray_ = 0;
  bool beyond_ = false;
  std::string& kept_;
};

}}}  // namespace eqsr::EQSR_ABI::detail
