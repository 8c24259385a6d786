// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>  // EQSR_HD

#include <limits>       // numeric_limits
#include <type_traits>  // type_identity

/// Integers that are not negative: division and multiples, rounded up, on host and device; products
/// and sums of sizes. And the bits of a number.
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

/// Products and sums of what is not negative; one that has no number, as may be with 32 bits, is
/// the largest number, which no memory holds.
template <class Integer>
constexpr Integer saturated_product(Integer a, std::type_identity_t<Integer> b) {
  constexpr Integer most = (std::numeric_limits<Integer>::max)();
  return b != 0 && a > most / b ? most : static_cast<Integer>(a * b);
}
template <class Integer, class... More>
constexpr Integer saturated_sum(Integer a, std::type_identity_t<Integer> b, More... more) {
  constexpr Integer most = (std::numeric_limits<Integer>::max)();
  const Integer sum = a > most - b ? most : static_cast<Integer>(a + b);
  if constexpr (sizeof...(more) > 0) return saturated_sum(sum, static_cast<Integer>(more)...);
  return sum;
}

/// The bits of a value as another type of the same size: std::bit_cast, which some compilers of
/// C++20 lack because their standard library is older than they are.
template <class To, class From>
constexpr To bits_as(const From& from) {
  return __builtin_bit_cast(To, from);
}

}}  // namespace eqsr::EQSR_ABI
