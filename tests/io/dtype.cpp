// SPDX-License-Identifier: Apache-2.0
#include <eqsr/core/half.hpp>
#include <eqsr/core/math.hpp>  // bits_as
#include <eqsr/io/bytes.hpp>
#include <eqsr/io/weights/dtype.hpp>

#include <doctest/doctest.h>

#include <cmath>    // ldexp
#include <cstdint>  // uint16_t
#include <limits>   // numeric_limits

namespace {

std::uint32_t bits(float value) { return eqsr::bits_as<std::uint32_t>(value); }

/// The half with the given bits, from the definition.
double half_by_definition(unsigned half) {
  const int exponent = static_cast<int>((half >> 10U) & 31U);
  const int mantissa = static_cast<int>(half & 1023U);
  const double sign = (half & 0x8000U) != 0 ? -1.0 : 1.0;
  return sign *
         (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

}  // namespace

TEST_CASE("all 65536 halves widen exactly and come back") {
  for (unsigned half = 0; half < 65536; ++half) {
    const auto h = static_cast<std::uint16_t>(half);
    const float wide = eqsr::half_to_float(h);
    if ((half & 0x7C00U) == 0x7C00U) {
      const bool infinite = (half & 1023U) == 0;
      REQUIRE(std::isinf(wide) == infinite);
      REQUIRE(std::isnan(wide) == !infinite);
      REQUIRE(std::signbit(wide) == ((half & 0x8000U) != 0));
      REQUIRE(bits(wide) == (((half & 0x8000U) << 16U) | 0x7F800000U | ((half & 1023U) << 13U)));
      REQUIRE(eqsr::float_to_half(wide) == (infinite ? half : (half | 0x200U)));
    } else {
      REQUIRE(static_cast<double>(wide) == half_by_definition(half));
      REQUIRE(std::signbit(wide) == ((half & 0x8000U) != 0));
      REQUIRE(eqsr::float_to_half(wide) == half);
    }
  }
}

TEST_CASE("halves round to nearest, ties to even, between all neighbours") {
  for (unsigned half = 0; half < 0x7BFF; ++half) {
    const float low = eqsr::half_to_float(static_cast<std::uint16_t>(half));
    const float high = eqsr::half_to_float(static_cast<std::uint16_t>(half + 1));
    const float middle = low + (high - low) / 2;  // exact
    const unsigned even = (half & 1U) == 0 ? half : half + 1;
    for (const unsigned sign : {0U, 0x8000U}) {
      const float s = sign == 0 ? 1.0F : -1.0F;
      REQUIRE(eqsr::float_to_half(s * middle) == (sign | even));
      REQUIRE(eqsr::float_to_half(s * std::nextafter(middle, low)) == (sign | half));
      REQUIRE(eqsr::float_to_half(s * std::nextafter(middle, high)) == (sign | (half + 1)));
    }
  }
  CHECK(eqsr::float_to_half(65519.996F) == 0x7BFF);
  CHECK(eqsr::float_to_half(65520.0F) == 0x7C00);
  CHECK(eqsr::float_to_half(-1e30F) == 0xFC00);
  CHECK(eqsr::float_to_half(1e-40F) == 0);
  CHECK(eqsr::float_to_half(std::ldexp(1.0F, -25)) == 0);
  CHECK(eqsr::float_to_half(std::nextafter(std::ldexp(1.0F, -25), 1.0F)) == 1);
  CHECK(eqsr::float_to_half(eqsr::bits_as<float>(0x7F800001U)) == 0x7E00);  // NaN stays NaN
}

TEST_CASE("all bfloat16 widen exactly and come back; rounding is to nearest even") {
  for (unsigned value = 0; value < 65536; ++value) {
    const auto b = static_cast<std::uint16_t>(value);
    REQUIRE(bits(eqsr::bfloat16_to_float(b)) == value << 16U);
    const bool nan = (value & 0x7FFFU) > 0x7F80U;
    REQUIRE(eqsr::float_to_bfloat16(eqsr::bfloat16_to_float(b)) == (nan ? value | 0x40U : value));
  }
  CHECK(eqsr::float_to_bfloat16(eqsr::bits_as<float>(0x3F808000U)) == 0x3F80);
  CHECK(eqsr::float_to_bfloat16(eqsr::bits_as<float>(0x3F818000U)) == 0x3F82);
  CHECK(eqsr::float_to_bfloat16(eqsr::bits_as<float>(0x3F808001U)) == 0x3F81);
  CHECK(eqsr::float_to_bfloat16(std::numeric_limits<float>::max()) == 0x7F80);
  CHECK(eqsr::float_to_bfloat16(eqsr::bits_as<float>(0x7F800001U)) == 0x7FC0);
}

TEST_CASE("names and sizes") {
  CHECK(eqsr::name_of(eqsr::Dtype::bf16) == "bf16");
  CHECK(eqsr::name_of(eqsr::Dtype::boolean) == "bool");
  CHECK(eqsr::size_of(eqsr::Dtype::i64) == 8);
  CHECK(eqsr::is_floating(eqsr::Dtype::f64));
  CHECK_FALSE(eqsr::is_floating(eqsr::Dtype::i8));
  CHECK(eqsr::detail::find_dtype(&eqsr::detail::DtypeRow::safetensors, "I16") == eqsr::Dtype::i16);
  CHECK_FALSE(eqsr::detail::find_dtype(&eqsr::detail::DtypeRow::safetensors, "f32"));
}

TEST_CASE("checked arithmetic, checksums, UTF-8 and quoting") {
  using namespace eqsr::detail;
  using eqsr::in_quotes;
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t r = 5;
  CHECK_FALSE(checked_add<std::uint64_t>(most, 1, r));
  CHECK_FALSE(checked_mul<std::uint64_t>(most, 2, r));
  CHECK(r == 5);
  CHECK((checked_add<std::uint64_t>(most - 1, 1, r) && r == most));
  CHECK((checked_mul<std::uint64_t>(0, most, r) && r == 0));
  CHECK((checked_mul<std::uint64_t>(most / 3, 3, r) && r == most));

  CHECK(crc32("123456789", 9) == 0xCBF43926U);
  CHECK(crc32("The quick brown fox jumps over the lazy dog", 43) == 0x414FA339U);
  CHECK(crc32("", 0) == 0);
  std::string all(256, '\0');
  for (std::size_t i = 0; i < 256; ++i) all[i] = static_cast<char>(i);
  CHECK(crc32(all.data(), 256) == 0x29058C73U);

  CHECK(valid_utf8("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (const char* bad : {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xE2\x82", "\xF4\x90\x80\x80",
                          "\xE0\x80\x80", "\xF0\x80\x80\x80", "\x80", "\xC1\xBF"}) {
    CHECK_FALSE(valid_utf8(bad));
  }
  CHECK(in_quotes("a\"\n\x1B") == "\"a\\\"\\x0a\\x1b\"");
  CHECK(in_quotes(" ~\x7F\x1F\\") == "\" ~\\x7f\\x1f\\\\\"");
  CHECK(in_quotes(std::string(64, 'x')) == "\"" + std::string(64, 'x') + "\"");
  CHECK(in_quotes(std::string(65, 'x')) == "\"" + std::string(64, 'x') + "\"... (65 bytes)");
}

TEST_CASE("UTF-8 is what decodes to a code point and is the shortest way to write it") {
  // The decoder of RFC 3629 in its plainest form: the bits of the sequence, then the conditions.
  const auto decoded_length = [](const std::string& bytes) -> std::size_t {
    const auto byte = [&](std::size_t i) { return unsigned{static_cast<unsigned char>(bytes[i])}; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >> 5U == 6    ? 2
                               : lead >> 4U == 14 ? 3
                               : lead >> 3U == 30 ? 4
                                                  : 0;
    unsigned code = lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
      if (byte(i) >> 6U != 2) return 0;
      code = code << 6U | (byte(i) & 63U);
    }
    const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >> 11U == 27;
    return length > 0 && code >= least[length] && code <= 0x10FFFF && !surrogate ? length : 0;
  };
  for (unsigned lead = 0; lead < 256; ++lead) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const char third : {'\x7F', '\x80', '\xBF', '\xC0'}) {
        for (const char fourth : {'\x7F', '\x80', '\xBF', '\xC0'}) {
          const std::string text{static_cast<char>(lead), static_cast<char>(second), third, fourth};
          if (eqsr::utf8_length(text) != decoded_length(text)) {
            FAIL_CHECK(eqsr::in_quotes(text));
          }
        }
      }
    }
  }
  CHECK(eqsr::utf8_length("") == 0);
  const std::string four = "\xF0\x9F\x98\x80";
  for (std::size_t size = 1; size < 4; ++size) CHECK(eqsr::utf8_length(four.substr(0, size)) == 0);
}
