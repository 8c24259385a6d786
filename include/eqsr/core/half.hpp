// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/math.hpp>  // bits_as

#include <cstdint>  // uint16_t

/// IEEE half precision and float, exactly; of bits, so that devices compute the same.
namespace eqsr { inline namespace EQSR_ABI {

/// A number of half precision as it lies in memory: C++ has no type for it, libraries have several
/// (`__half`, `_Float16`), and pointers to those may be cast to pointers to this.
struct Half {
  std::uint16_t bits = 0;
};

/// The bits of the float that a half is: exact, also for subnormals; a NaN keeps its sign and
/// payload.
[[nodiscard]] EQSR_HD constexpr std::uint32_t float_bits_of_half(std::uint16_t half) noexcept {
  const std::uint32_t sign = std::uint32_t{half & 0x8000U} << 16U;
  const std::uint32_t exponent = (half >> 10U) & 31U;
  std::uint32_t mantissa = half & 1023U;
  if (exponent == 31) return sign | 0x7F800000U | (mantissa << 13U);
  if (exponent != 0) return sign | ((exponent + 112) << 23U) | (mantissa << 13U);
  if (mantissa == 0) return sign;
  std::uint32_t shifted = 113;  // a subnormal half is a normal float
  while ((mantissa & 1024U) == 0) {
    mantissa <<= 1U;
    --shifted;
  }
  return sign | (shifted << 23U) | ((mantissa & 1023U) << 13U);
}

/// The nearest half to a float of these bits, ties to even; too large becomes infinity, a NaN a
/// quiet NaN.
[[nodiscard]] EQSR_HD constexpr std::uint16_t half_of_float_bits(std::uint32_t bits) noexcept {
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) {
    return static_cast<std::uint16_t>(sign | 0x7E00U | ((magnitude >> 13U) & 1023U));
  }
  if (magnitude >= 0x47800000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // 2^16 and up
  // `kept` drops `drop` bits of the significand; a carry out of it is the next exponent, also at
  // the border to infinity.
  std::uint32_t kept = 0;
  std::uint32_t rest = 0;
  std::uint32_t half = 0;
  if (magnitude >= 0x38800000U) {  // normal, 2^-14 and up
    kept = (magnitude - 0x38000000U) >> 13U;
    rest = magnitude & 0x1FFFU;
    half = 0x1000U;
  } else {
    const std::uint32_t drop = 126U - (magnitude >> 23U);
    if (drop > 24U) return static_cast<std::uint16_t>(sign);  // below half of the smallest
    const std::uint32_t significand = (magnitude & 0x7FFFFFU) | 0x800000U;
    kept = significand >> drop;
    rest = significand & ((1U << drop) - 1U);
    half = 1U << (drop - 1U);
  }
  if (rest > half || (rest == half && (kept & 1U) != 0)) ++kept;
  return static_cast<std::uint16_t>(sign | kept);
}

/// The same of numbers.
[[nodiscard]] constexpr float half_to_float(std::uint16_t half) noexcept {
  return bits_as<float>(float_bits_of_half(half));
}
[[nodiscard]] constexpr std::uint16_t float_to_half(float value) noexcept {
  return half_of_float_bits(bits_as<std::uint32_t>(value));
}

}}  // namespace eqsr::EQSR_ABI
