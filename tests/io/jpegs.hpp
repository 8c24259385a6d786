// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Builds JPEG files segment by segment, sound ones and broken ones. Their blocks are all alike: no
/// difference in DC, no AC, in the codes of the standard tables, which are left out.

#include <algorithm>  // max
#include <string>     // string

namespace eqsr_test {

using namespace std::string_literals;

[[nodiscard]] inline std::string segment(unsigned marker, const std::string& body) {
  const std::size_t length = body.size() + 2;
  return "\xff"s + static_cast<char>(marker) + static_cast<char>(length >> 8U) +
         static_cast<char>(length & 255U) + body;
}

[[nodiscard]] inline std::string bytes_of_bits(std::string bits) {
  bits.resize((bits.size() + 7) / 8 * 8, '1');
  std::string bytes;
  for (std::size_t i = 0; i < bits.size(); i += 8) {
    bytes += static_cast<char>(std::stoi(bits.substr(i, 8), nullptr, 2));
    if (bytes.back() == '\xff') bytes += '\0';
  }
  return bytes;
}

/// A JPEG of `width` x `height` pixels; `sampling` has one byte a channel, such as "\x22\x11\x11".
struct JpegParts {
  std::string sampling = "\x22\x11\x11";
  unsigned width = 40, height = 24;
  unsigned marker = 0xc0;
  std::size_t interval = 0;  ///< of restart markers

  [[nodiscard]] std::string tables() const {
    return segment(0xdb, "\0"s + std::string(64, '\1')) +
           (interval > 0 ? segment(0xdd, "\0"s + static_cast<char>(interval)) : "");
  }
  [[nodiscard]] std::string frame() const {
    std::string body = "\x08"s;
    for (const unsigned size : {height, width}) {
      body += static_cast<char>(size >> 8U);
      body += static_cast<char>(size & 255U);
    }
    body += static_cast<char>(sampling.size());
    for (std::size_t i = 0; i < sampling.size(); ++i)
      body += static_cast<char>(i + 1) + sampling.substr(i, 1) + "\0"s;
    return segment(marker, body);
  }
  /// The header of a scan of all channels.
  [[nodiscard]] std::string scan_header(const std::string& band = "\0\x3f\0"s) const {
    std::string body(1, static_cast<char>(sampling.size()));
    for (std::size_t i = 0; i < sampling.size(); ++i)
      body += static_cast<char>(i + 1) + (i == 0 ? "\0"s : "\x11"s);
    return segment(0xda, body + band);
  }
  /// The coded data: for each block two bits (DC) and the end of the block.
  [[nodiscard]] std::string data() const {
    unsigned across = 1, down = 1;
    std::string unit;
    for (std::size_t i = 0; i < sampling.size(); ++i) {
      const unsigned h = static_cast<unsigned char>(sampling[i]) >> 4U,
                     v = static_cast<unsigned char>(sampling[i]) & 15U;
      across = std::max(across, h);
      down = std::max(down, v);
      for (unsigned k = 0; k < (sampling.size() == 1 ? 1 : h * v); ++k)
        unit += i == 0 ? "001010" : "0000";
    }
    if (sampling.size() == 1) across = down = 1;
    const std::size_t units = std::size_t{(width + 8 * across - 1) / (8 * across)} *
                              ((height + 8 * down - 1) / (8 * down));
    std::string out, bits;
    for (std::size_t i = 0; i < units; ++i) {
      if (interval > 0 && i > 0 && i % interval == 0) {
        out += bytes_of_bits(bits) + "\xff" + static_cast<char>(0xd0 + (i / interval - 1) % 8);
        bits.clear();
      }
      bits += unit;
    }
    return out + bytes_of_bits(bits);
  }
  [[nodiscard]] std::string scan() const { return scan_header() + data(); }
  [[nodiscard]] std::string whole(const std::string& before = "") const {
    return "\xff\xd8" + before + tables() + frame() + scan() + "\xff\xd9";
  }
};

}  // namespace eqsr_test
