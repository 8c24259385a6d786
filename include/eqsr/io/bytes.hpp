// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What every parser of foreign bytes needs: checked arithmetic, little-endian loads, UTF-8,
/// CRC-32, and a way to print bytes that cannot harm a terminal.

#include <eqsr/core/check.hpp>  // joined

#include <array>        // array
#include <bit>          // endian
#include <cstddef>      // size_t
#include <cstdint>      // uint32_t
#include <functional>   // less
#include <limits>       // numeric_limits
#include <map>          // map
#include <string>       // string
#include <string_view>  // string_view
#include <type_traits>  // is_unsigned_v

namespace eqsr { inline namespace EQSR_ABI {
namespace detail {

static_assert(std::endian::native == std::endian::little,
              "eqsr: weight files are little-endian and are copied as they are");

/// `sum = a + b`, false when that does not fit. A false return leaves `sum` untouched.
template <class T>
[[nodiscard]] constexpr bool checked_add(T a, T b, T& sum) noexcept {
  static_assert(std::is_unsigned_v<T>);
  if (b > (std::numeric_limits<T>::max)() - a) return false;
  sum = a + b;
  return true;
}

/// `product = a * b`, false when that does not fit.
template <class T>
[[nodiscard]] constexpr bool checked_mul(T a, T b, T& product) noexcept {
  static_assert(std::is_unsigned_v<T>);
  if (a != 0 && b > (std::numeric_limits<T>::max)() / a) return false;
  product = a * b;
  return true;
}

/// An unsigned little-endian number at `bytes`, at any alignment.
template <class T>
[[nodiscard]] constexpr T load_little(const char* bytes) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value =
        static_cast<T>(value | static_cast<T>(T{static_cast<unsigned char>(bytes[i])} << (8 * i)));
  }
  return value;
}

template <class T>
void store_little(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

/// A number of 32 bits with its highest byte first: into four bytes, or behind others.
inline void put_big32(char* to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *to++ = static_cast<char>((value >> shift) & 255U);
}
[[gnu::cold]] inline void store_big32(std::string& out, std::uint32_t value) {
  char bytes[4];
  put_big32(bytes, value);
  out.append(bytes, sizeof bytes);
}

}  // namespace detail

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 when there is none. Overlong
/// forms, surrogates and code points above U+10FFFF are not well-formed.
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

namespace detail {

[[nodiscard]] constexpr bool valid_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// Tensor names: neither empty nor longer than any real one, printable as a C string, UTF-8.
[[nodiscard]] constexpr bool valid_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 1024 && name.find('\0') == std::string_view::npos &&
         valid_utf8(name);
}

/// Names, each with a number. One type for all uses, and no hash: foreign names can collide.
using NameIndex = std::map<std::string, std::size_t, std::less<>>;

[[nodiscard]] inline std::string hex_byte(char byte) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  return {digits[value >> 4U], digits[value & 15U]};
}

}  // namespace detail

/// Bytes as pairs of hexadecimal digits, a space between two of them.
[[nodiscard, gnu::cold]] inline std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text.append(text.empty() ? "" : " ").append(detail::hex_byte(byte));
  return text;
}

/// Foreign bytes for an error sentence: in quotes, escaped to printable ASCII, cut to 64 bytes.
[[nodiscard, gnu::cold]] inline std::string in_quotes(std::string_view bytes) {
  constexpr std::size_t most = 64;
  std::string text = "\"";
  for (const char c : bytes.substr(0, most)) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (c >= ' ' && c <= '~') {
      text += c;
    } else {
      text.append("\\x").append(detail::hex_byte(c));
    }
  }
  text += '"';
  if (bytes.size() > most) text += detail::joined({"... (", bytes.size(), " bytes)"});
  return text;
}

namespace detail {

/// Tables for eight bytes a step: the polynomial of zip, gzip and PNG. Made when a program runs,
/// since as constants they cost each file that includes this a fifth of a second.
using Crc32Tables = std::array<std::array<std::uint32_t, 256>, 8>;
[[gnu::cold, gnu::noinline]] inline Crc32Tables make_crc32_tables() noexcept {
  Crc32Tables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c & 1U) != 0 ? 0xEDB88320U ^ (c >> 1U) : c >> 1U;
    tables[0][i] = c;
  }
  for (std::size_t t = 1; t < 8; ++t) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t c = tables[t - 1][i];
      tables[t][i] = tables[0][c & 255U] ^ (c >> 8U);
    }
  }
  return tables;
}

[[nodiscard]] inline std::uint32_t crc32(const char* bytes, std::size_t count) noexcept {
  static const Crc32Tables t = make_crc32_tables();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (; count >= 8; bytes += 8, count -= 8) {
    const std::uint32_t low = crc ^ load_little<std::uint32_t>(bytes);
    const std::uint32_t high = load_little<std::uint32_t>(bytes + 4);
    crc = t[7][low & 255U] ^ t[6][(low >> 8U) & 255U] ^ t[5][(low >> 16U) & 255U] ^
          t[4][low >> 24U] ^ t[3][high & 255U] ^ t[2][(high >> 8U) & 255U] ^
          t[1][(high >> 16U) & 255U] ^ t[0][high >> 24U];
  }
  for (; count > 0; ++bytes, --count) {
    crc = t[0][(crc ^ static_cast<unsigned char>(*bytes)) & 255U] ^ (crc >> 8U);
  }
  return ~crc;
}

}  // namespace detail
}}  // namespace eqsr::EQSR_ABI
