// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/bytes.hpp>  // hex_byte
#include <eqsr/io/file.hpp>   // InputFile

#include <algorithm>  // min
#include <array>      // array
#include <bit>        // rotr
#include <cstddef>    // size_t
#include <cstdint>    // uint32_t
#include <string>     // string
#include <vector>     // vector

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// SHA-256 (FIPS 180-4), to compare a file with what its author published.
class Sha256 {
 public:
  void add(const char* bytes, std::size_t count) {
    length_ += count;
    for (; count > 0 && filled_ > 0; --count) add_byte(*bytes++);
    for (; count >= 64; bytes += 64, count -= 64) compress(bytes);
    for (; count > 0; --count) add_byte(*bytes++);
  }

  /// 64 lower-case hexadecimal digits; nothing may be added afterwards.
  [[nodiscard]] std::string finish() {
    const std::uint64_t bits = length_ * 8;
    add_byte('\x80');
    while (filled_ != 56) add_byte('\0');
    for (int shift = 56; shift >= 0; shift -= 8) add_byte(static_cast<char>(bits >> shift & 255U));
    std::string text;
    for (const std::uint32_t word : state_)
      for (int shift = 24; shift >= 0; shift -= 8)
        text += hex_byte(static_cast<char>(word >> shift & 255U));
    return text;
  }

 private:
  void add_byte(char byte) {
    block_[filled_++] = byte;
    if (filled_ == 64) compress(block_.data());
    filled_ %= 64;
  }

  void compress(const char* block) {
    static constexpr std::array<std::uint32_t, 64> k{
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    std::array<std::uint32_t, 64> w{};
    for (std::size_t i = 0; i < 16; ++i)
      for (std::size_t j = 0; j < 4; ++j)
        w[i] = w[i] << 8U | static_cast<unsigned char>(block[4 * i + j]);
    for (std::size_t i = 16; i < 64; ++i) {
      const std::uint32_t a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3U) + w[i - 7] +
             (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10U);
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (std::size_t i = 0; i < 64; ++i) {
      const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i];
      const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const std::array<std::uint32_t, 8> sum{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state_[i] += sum[i];
  }

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<char, 64> block_{};
  std::size_t filled_ = 0;
  std::uint64_t length_ = 0;
};

/// Throws `checksum_mismatch` unless the file has this SHA-256; upper and lower case are equal.
[[gnu::cold]] inline void expect_sha256(const InputFile& file, std::string expected) {
  for (char& c : expected) c = static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c);
  EQSR_EXPECTS(
      expected.size() == 64 && expected.find_first_not_of("0123456789abcdef") == std::string::npos,
      "bad_argument", "The SHA-256 ", in_quotes(expected),
      " is not 64 hexadecimal digits. Copy all of them from where the file is published.");
  Sha256 hash;
  std::vector<char> block(std::size_t{1} << 16);
  for (std::uint64_t at = 0; at < file.size();) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), file.size() - at));
    file.read(at, block.data(), count);
    hash.add(block.data(), count);
    at += count;
  }
  const std::string found = hash.finish();
  if (found != expected)
    file.fail("checksum_mismatch",
              {"The SHA-256 of the file is ", found, ", but ", expected,
               " was expected. It is damaged or another file; download it again."});
}

}}}  // namespace eqsr::EQSR_ABI::detail
