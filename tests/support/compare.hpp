// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/math.hpp>  // bits_as

#include <doctest/doctest.h>

#include <algorithm>  // equal, max
#include <cmath>      // abs, sqrt
#include <cstdint>    // int32_t, uint32_t
#include <limits>     // infinity
#include <ostream>    // ostream
#include <vector>     // vector

namespace eqsr_test {

/// How far a result is from the truth. As a condition it says whether that is near enough, and
/// doctest prints it: `CHECK(near(result, truth, 2e-5))`.
struct Closeness {
  double max = 0, rms = 0;
  double max_allowed = 0, rms_allowed = std::numeric_limits<double>::infinity();
  std::size_t count = 0, expected = 0, at = 0;
  double found = 0, wanted = 0;

  explicit operator bool() const {
    return count == expected && max <= max_allowed && rms <= rms_allowed;
  }
  friend std::ostream& operator<<(std::ostream& out, const Closeness& c) {
    if (c.count != c.expected) return out << c.count << " values instead of " << c.expected;
    out << "max " << c.max << " (allowed " << c.max_allowed << ") at " << c.at << ": " << c.found
        << " instead of " << c.wanted << "; rms " << c.rms;
    if (std::isfinite(c.rms_allowed)) out << " (allowed " << c.rms_allowed << ")";
    return out;
  }
};

/// A NaN in the result, or a value that was never written, is infinitely far.
inline Closeness near(const std::vector<float>& result, const std::vector<float>& truth,
                      double max_allowed,
                      double rms_allowed = std::numeric_limits<double>::infinity()) {
  Closeness c;
  c.max_allowed = max_allowed;
  c.rms_allowed = rms_allowed;
  c.count = result.size();
  c.expected = truth.size();
  if (c.count != c.expected) return c;
  double squares = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    double error = std::abs(double(result[i]) - double(truth[i]));
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    squares += error * error;
    if (error > c.max || i == 0) {
      c.max = error;
      c.at = i;
      c.found = double(result[i]);
      c.wanted = double(truth[i]);
    }
  }
  c.rms = std::sqrt(squares / double(std::max<std::size_t>(1, result.size())));
  return c;
}

/// The further of two.
inline Closeness worse(const Closeness& a, const Closeness& b) {
  if (!a || !b) return a ? b : a;
  return b.max > a.max ? b : a;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  const auto same = [](float x, float y) {
    return eqsr::bits_as<std::uint32_t>(x) == eqsr::bits_as<std::uint32_t>(y);
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

/// The number of float32 steps from one number to another.
inline std::int64_t ulps(float a, float b) {
  const auto place = [](float x) -> std::int64_t {
    const auto bits = eqsr::bits_as<std::int32_t>(x);
    return bits >= 0 ? bits : std::int64_t{std::numeric_limits<std::int32_t>::min()} - bits;
  };
  return std::abs(place(a) - place(b));
}

}  // namespace eqsr_test
