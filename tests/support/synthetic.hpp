// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Parameters and inputs that every implementation can regenerate from their names, so that golden
/// files need to hold results only. All values are multiples of 2^-23 scaled once; they are the
/// same bits on every machine.

#include <cmath>             // sqrt
#include <cstddef>           // size_t
#include <cstdint>           // uint64_t
#include <initializer_list>  // initializer_list
#include <string>            // string
#include <string_view>       // string_view
#include <vector>            // vector

namespace eqsr_test {

inline std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001B3U;
  }
  return hash;
}

/// Element `i` of the stream named `key`: uniform in [-1, 1), a multiple of 2^-23, exact in float.
inline float synthetic_uniform(std::uint64_t key, std::uint64_t i) {
  std::uint64_t z = key + (i + 1) * 0x9E3779B97F4A7C15U;
  z ^= z >> 30;
  z *= 0xBF58476D1CE4E5B9U;
  z ^= z >> 27;
  z *= 0x94D049BB133111EBU;
  z ^= z >> 31;
  return static_cast<float>(static_cast<double>(z >> 40) / 8388608.0 - 1.0);
}

/// Operator inputs: the uniform stream itself.
inline std::vector<float> synthetic_input(std::string_view name, std::size_t count) {
  std::vector<float> values(count);
  const std::uint64_t key = fnv1a64(name);
  for (std::size_t i = 0; i < count; ++i) values[i] = synthetic_uniform(key, i);
  return values;
}

/// Images: [3, h, w] row-major, in [0, 1).
inline std::vector<float> synthetic_image(std::string_view name, std::size_t height,
                                          std::size_t width) {
  std::vector<float> values = synthetic_input(name, 3 * height * width);
  for (float& value : values) value = 0.5F + 0.5F * value;  // exact
  return values;
}

/// A parameter of the network, row-major; `shape` is any range of integers, empty for a scalar.
template <class Shape = std::initializer_list<int>>
std::vector<float> synthetic_parameter(std::string_view name, const Shape& shape,
                                       std::string_view salt = {}) {
  std::size_t rank = 0;
  std::size_t count = 1;
  std::size_t fan_in = 1;
  for (const auto extent : shape) {
    count *= static_cast<std::size_t>(extent);
    if (rank++ > 0) fan_in *= static_cast<std::size_t>(extent);
  }
  float centre = 0.0F;
  float amplitude = 0.1F;
  if (rank == 0) {
    centre = 2.5F;
    amplitude = 0.0F;
  } else if (name.ends_with("relative_position_bias_table")) {
    amplitude = 1.0F;
  } else if (rank >= 2) {
    amplitude = static_cast<float>(std::sqrt(3.0 / static_cast<double>(fan_in)));
  } else if (name.ends_with("weight")) {
    centre = 1.0F;
    amplitude = 0.25F;
  }
  const std::uint64_t key = fnv1a64(std::string(salt) + std::string(name));
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    // The product is exact in double, so the cast rounds it once; the detour keeps a compiler from
    // fusing it with the addition.
    const double product = static_cast<double>(amplitude) * synthetic_uniform(key, i);
    values[i] = centre + static_cast<float>(product);
  }
  return values;
}

}  // namespace eqsr_test
