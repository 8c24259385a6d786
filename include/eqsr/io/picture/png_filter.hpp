// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <array>  // array

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// What the five filters of PNG guess a byte to be, from the one a pixel to the left, the one
/// above, and the one above that to the left: 0, left, up, their mean, and Paeth's choice.
///
/// Source  PNG Specification, third edition, sections 9.2 and 9.4
constexpr std::array<int, 5> png_guesses(int left, int up, int corner) {
  const auto distance = [](int value) { return value < 0 ? -value : value; };
  const int to_left = distance(up - corner), to_up = distance(left - corner);
  const int to_corner = distance(left + up - 2 * corner);
  const int paeth = to_left <= to_up && to_left <= to_corner ? left
                    : to_up <= to_corner                     ? up
                                                             : corner;
  return {0, left, up, (left + up) / 2, paeth};
}

}}}  // namespace eqsr::EQSR_ABI::detail
