// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/function_ref.hpp>  // FunctionRef

#include <cstdio>            // snprintf
#include <initializer_list>  // initializer_list
#include <new>               // bad_alloc
#include <stdexcept>         // runtime_error
#include <string>            // string
#include <string_view>       // string_view

namespace eqsr { inline namespace EQSR_ABI {

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
/// cost every user seconds of compile time; of two words, because each part of each sentence is
/// code that stores them. Text is not copied: a part lives no longer than the call it is made for.
class Part {
 public:
  constexpr Part(const char* text) : kind_(Kind::characters), characters_(text) {}
  constexpr Part(const std::string_view& text) : kind_(Kind::view), view_(&text) {}
  Part(const std::string& text) : kind_(Kind::string), string_(&text) {}
  constexpr Part(char character) : kind_(Kind::character), integer_(character) {}
  constexpr Part(int number) : Part(static_cast<long long>(number)) {}
  constexpr Part(long number) : Part(static_cast<long long>(number)) {}
  constexpr Part(long long number) : kind_(Kind::integer), integer_(number) {}
  constexpr Part(unsigned number) : Part(static_cast<unsigned long long>(number)) {}
  constexpr Part(unsigned long number) : Part(static_cast<unsigned long long>(number)) {}
  constexpr Part(unsigned long long number) : kind_(Kind::natural), natural_(number) {}
  constexpr Part(double number) : kind_(Kind::real), real_(number) {}

  [[gnu::noinline, gnu::cold]] void append_to(std::string& sentence) const {
    char digits[32];
    switch (kind_) {
      case Kind::characters:
        sentence += characters_;
        return;
      case Kind::view:
        sentence += *view_;
        return;
      case Kind::string:
        sentence += *string_;
        return;
      case Kind::character:
        sentence += static_cast<char>(integer_);
        return;
      case Kind::integer:
        std::snprintf(digits, sizeof digits, "%lld", integer_);
        break;
      case Kind::natural:
        std::snprintf(digits, sizeof digits, "%llu", natural_);
        break;
      case Kind::real:
        std::snprintf(digits, sizeof digits, "%g", real_);
        break;
    }
    sentence += digits;
  }

 private:
  enum class Kind { characters, view, string, character, integer, natural, real } kind_;
  union {
    const char* characters_;
    const std::string_view* view_;
    const std::string* string_;
    long long integer_;
    unsigned long long natural_;
    double real_;
  };
};

[[gnu::noinline, gnu::cold]] inline std::string joined(std::initializer_list<Part> parts) {
  std::string text;
  for (const Part& part : parts) part.append_to(text);
  return text;
}

[[noreturn, gnu::noinline, gnu::cold]] inline void fail(const char* code,
                                                        std::initializer_list<Part> parts) {
  throw Error(code, joined(parts));
}

template <class R>
[[gnu::noinline]] R call_with_typed_errors(FunctionRef<R()> work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    fail("out_of_memory",
         {"An allocation failed. Free memory, or use a smaller image or memory budget."});
  }
}
/// What `work()` returns; a failed allocation in it becomes the typed error. Compilers do not see
/// through this call: what calls it is not taken for as rare as `work` may be.
template <class Work>
auto with_typed_errors(const Work& work) {
  return call_with_typed_errors<std::invoke_result_t<Work>>(work);
}

}  // namespace detail

/// Concatenates text and numbers: `say("expected ", 3, " channels")`.
template <class... Parts>
std::string say(const Parts&... parts) {
  return detail::joined({parts...});
}

}}  // namespace eqsr::EQSR_ABI

/// Throws eqsr::Error{code, sentence} unless the condition holds. The sentence is only built on
/// failure: `EQSR_EXPECTS(scale > 0, "bad_argument", "The scale is ", scale, "; it must be ...")`.
#define EQSR_EXPECTS(condition, code, ...)         \
  do {                                             \
    if (!(condition)) [[unlikely]]                 \
      ::eqsr::detail::fail((code), {__VA_ARGS__}); \
  } while (false)
