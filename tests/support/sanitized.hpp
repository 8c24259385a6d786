// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace eqsr_test {

/// Whether AddressSanitizer watches, which makes a network ten to thirty times slower. Cases that
/// only repeat smaller ones with larger networks are left out then:
/// `TEST_CASE("..." * doctest::skip(sanitized))`.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace eqsr_test
