// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Element types of weight files, and bfloat16 as float; half is core/half.hpp.

#include <eqsr/core/math.hpp>  // bits_as

#include <cstddef>      // size_t
#include <cstdint>      // uint16_t
#include <optional>     // optional
#include <string_view>  // string_view

namespace eqsr { inline namespace EQSR_ABI {

enum class Dtype : std::uint8_t { f16, bf16, f32, f64, i8, u8, i16, i32, i64, boolean };

namespace detail {

struct DtypeRow {
  std::string_view name;         // ours
  std::string_view safetensors;  // in a safetensors header
  std::string_view storage;      // the storage class in a PyTorch file
  std::size_t size;
};

/// In the order of Dtype.
inline constexpr DtypeRow dtype_rows[] = {
    {"f16", "F16", "HalfStorage", 2},  {"bf16", "BF16", "BFloat16Storage", 2},
    {"f32", "F32", "FloatStorage", 4}, {"f64", "F64", "DoubleStorage", 8},
    {"i8", "I8", "CharStorage", 1},    {"u8", "U8", "ByteStorage", 1},
    {"i16", "I16", "ShortStorage", 2}, {"i32", "I32", "IntStorage", 4},
    {"i64", "I64", "LongStorage", 8},  {"bool", "BOOL", "BoolStorage", 1},
};

[[nodiscard]] constexpr const DtypeRow& row(Dtype type) noexcept {
  return dtype_rows[static_cast<std::size_t>(type)];
}

/// The type whose `column` holds `text`, if any.
[[nodiscard]] constexpr std::optional<Dtype> find_dtype(std::string_view DtypeRow::*column,
                                                        std::string_view text) noexcept {
  std::uint8_t index = 0;
  for (const DtypeRow& candidate : dtype_rows) {
    if (candidate.*column == text) return static_cast<Dtype>(index);
    ++index;
  }
  return std::nullopt;
}

}  // namespace detail

[[nodiscard]] constexpr std::string_view name_of(Dtype type) noexcept {
  return detail::row(type).name;
}
/// The type that `name_of` calls so, if any.
[[nodiscard]] constexpr std::optional<Dtype> dtype_of(std::string_view name) noexcept {
  return detail::find_dtype(&detail::DtypeRow::name, name);
}
[[nodiscard]] constexpr std::size_t size_of(Dtype type) noexcept { return detail::row(type).size; }
[[nodiscard]] constexpr bool is_floating(Dtype type) noexcept { return type <= Dtype::f64; }

[[nodiscard]] constexpr float bfloat16_to_float(std::uint16_t value) noexcept {
  return bits_as<float>(std::uint32_t{value} << 16U);
}

/// Rounds to the nearest bfloat16, ties to even; a NaN stays a (quiet) NaN.
[[nodiscard]] constexpr std::uint16_t float_to_bfloat16(float value) noexcept {
  const std::uint32_t bits = bits_as<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

}}  // namespace eqsr::EQSR_ABI
