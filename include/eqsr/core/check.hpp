// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <cstdio>            // snprintf
#include <initializer_list>  // initializer_list
#include <stdexcept>         // runtime_error
#include <string>            // string
#include <string_view>       // string_view

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

namespace detail {

/// A part of a sentence: text or a number. One plain type, because sentences made of templates
/// cost every user seconds of compile time.
class Part {
 public:
  Part(const char* text) : text_(text) {}
  Part(std::string_view text) : text_(text) {}
  Part(const std::string& text) : text_(text) {}
  Part(char character) : text_(1, character) {}
  Part(int number) : text_(std::to_string(number)) {}
  Part(long number) : text_(std::to_string(number)) {}
  Part(long long number) : text_(std::to_string(number)) {}
  Part(unsigned number) : text_(std::to_string(number)) {}
  Part(unsigned long number) : text_(std::to_string(number)) {}
  Part(unsigned long long number) : text_(std::to_string(number)) {}
  Part(double number) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%g", number);
    text_ = digits;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

[[gnu::noinline]] inline std::string joined(std::initializer_list<Part> parts) {
  std::string text;
  for (const Part& part : parts) text += part.text();
  return text;
}

[[noreturn, gnu::noinline, gnu::cold]] inline void fail(const char* code,
                                                        std::initializer_list<Part> parts) {
  throw Error(code, joined(parts));
}

}  // namespace detail

/// Concatenates text and numbers: `say("expected ", 3, " channels")`.
template <class... Parts>
std::string say(const Parts&... parts) {
  return detail::joined({parts...});
}

}  // namespace eqsr::inline EQSR_ABI

/// Throws eqsr::Error{code, sentence} unless the condition holds. The sentence is only built on
/// failure: `EQSR_EXPECTS(scale > 0, "bad_argument", "The scale is ", scale, "; it must be ...")`.
#define EQSR_EXPECTS(condition, code, ...)                                              \
  do {                                                                                  \
    if (!(condition)) [[unlikely]] ::eqsr::detail::fail((code), {__VA_ARGS__});         \
  } while (false)
