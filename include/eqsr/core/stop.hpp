// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <concepts>     // convertible_to
#include <functional>   // function
#include <type_traits>  // decay_t
#include <utility>      // move

namespace eqsr { inline namespace EQSR_ABI {

/// What can ask for an end: std::stop_token, or anything of the caller's with `stop_requested()`.
template <class T>
concept StopToken = requires(const T& token) {
  { token.stop_requested() } -> std::convertible_to<bool>;
};

/// The wish to end a run early. By default nobody has it. Made of any StopToken, of which it keeps
/// a copy, and asked from any thread; a std::stop_token itself is not in every standard library.
class Stop {
 public:
  Stop() = default;
  template <StopToken T>
  requires(!std::same_as<std::decay_t<T>, Stop>) Stop(T token)
      : requested_([token = std::move(token)] { return bool(token.stop_requested()); }) {}

  [[nodiscard]] bool stop_requested() const { return requested_ && requested_(); }
  [[nodiscard]] bool stop_possible() const { return bool(requested_); }

 private:
  std::function<bool()> requested_;
};

}}  // namespace eqsr::EQSR_ABI
