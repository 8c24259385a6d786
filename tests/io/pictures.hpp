// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Builds PNG files chunk by chunk, sound ones and broken ones.

#include <eqsr/io/bytes.hpp>

#include <cstdint>  // uint32_t
#include <string>   // string

namespace eqsr_test {

using namespace std::string_literals;

[[nodiscard]] inline std::string big32(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 255U);
  return bytes;
}

[[nodiscard]] inline std::string chunk(const std::string& kind, const std::string& body) {
  const std::string checked = kind + body;
  return big32(static_cast<std::uint32_t>(body.size())) + checked +
         big32(eqsr::detail::crc32(checked.data(), checked.size()));
}

/// A zlib stream that stores its bytes as they are.
[[nodiscard]] inline std::string stored(const std::string& bytes) {
  std::uint32_t a = 1, b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  const auto size = static_cast<unsigned>(bytes.size());
  std::string out = "\x78\x01\x01";
  for (const unsigned word : {size, ~size}) {
    out += static_cast<char>(word & 255U);
    out += static_cast<char>((word >> 8U) & 255U);
  }
  return out + bytes + big32(b << 16U | a);
}

inline const std::string signature = "\x89PNG\r\n\x1a\n";

[[nodiscard]] inline std::string ihdr(unsigned width, unsigned height, char bits, char colour,
                                      char interlaced = 0) {
  return chunk("IHDR", big32(width) + big32(height) + bits + colour + "\0\0"s + interlaced);
}

/// `rows` holds, for each row, a filter byte and the samples.
[[nodiscard]] inline std::string png(unsigned width, unsigned height, char bits, char colour,
                                     const std::string& rows, const std::string& extra = "",
                                     char interlaced = 0) {
  return signature + ihdr(width, height, bits, colour, interlaced) + extra +
         chunk("IDAT", stored(rows)) + chunk("IEND", "");
}

}  // namespace eqsr_test
