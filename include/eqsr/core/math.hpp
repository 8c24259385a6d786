// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>  // EQSR_HD

#include <type_traits>  // type_identity

/// Division and multiples, rounded up, of integers that are not negative, on host and device; and
/// the bits of a number.
namespace eqsr { inline namespace EQSR_ABI {

/// The number of pieces of `size` that hold n: ceil(n / size).
template <class Integer>
EQSR_HD constexpr Integer ceil_div(Integer n, std::type_identity_t<Integer> size) {
  return (n + size - 1) / size;
}
/// The smallest multiple of `step` that is at least n.
template <class Integer>
EQSR_HD constexpr Integer round_up(Integer n, std::type_identity_t<Integer> step) {
  return ceil_div(n, step) * step;
}

/// The bits of a value as another type of the same size: std::bit_cast, which some compilers of
/// C++20 lack because their standard library is older than they are.
template <class To, class From>
constexpr To bits_as(const From& from) {
  return __builtin_bit_cast(To, from);
}

}}  // namespace eqsr::EQSR_ABI
