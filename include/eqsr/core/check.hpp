// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <sstream>    // ostringstream
#include <stdexcept>  // runtime_error
#include <string>     // string

namespace eqsr::inline EQSR_ABI {

/// The one exception type of the library: a code word for programs and a sentence for people.
///
/// The sentence says what was given, what was expected and what to do. The code words are listed in
/// docs/reliability.md; those of this header's checks are `shape_mismatch` and `bad_argument`.
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& sentence)
      : std::runtime_error(sentence), code_(std::move(code)) {}

  [[nodiscard]] const std::string& code() const noexcept { return code_; }

 private:
  std::string code_;
};

/// Concatenates anything that streams: `say("expected ", 3, " channels")`.
template <class... Parts>
std::string say(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

}  // namespace eqsr::inline EQSR_ABI

/// Throws eqsr::Error{code, sentence} unless the condition holds. The sentence is only built on
/// failure: `EQSR_EXPECTS(scale > 0, "bad_argument", "The scale is ", scale, "; it must be ...")`.
#define EQSR_EXPECTS(condition, code, ...)                   \
  do {                                                       \
    if (!(condition)) [[unlikely]]                           \
      throw ::eqsr::Error((code), ::eqsr::say(__VA_ARGS__)); \
  } while (false)
