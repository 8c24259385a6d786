// SPDX-License-Identifier: Apache-2.0
#pragma once

/// JSON as far as weight files use it: a pull parser without a tree (the caller says what it
/// expects next), and the escaping a writer needs. No document makes it recurse deeper than eight
/// levels or allocate more than its longest string.

#include <eqsr/core/check.hpp>
#include <eqsr/io/bytes.hpp>

#include <array>        // array
#include <charconv>     // from_chars
#include <cstddef>      // size_t
#include <cstdint>      // uint64_t
#include <optional>     // optional
#include <string>       // string
#include <string_view>  // string_view
#if !defined(__cpp_lib_to_chars)
#include <locale>   // locale::classic
#include <sstream>  // istringstream
#endif

namespace eqsr { inline namespace EQSR_ABI {
namespace detail {

class JsonReader {
 public:
  static constexpr std::size_t max_depth = 8;

  /// `where` names the text in errors; both must outlive the reader.
  JsonReader(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  /// The first byte of the next token, 0 at the end of the text.
  [[gnu::cold]] char peek() {
    while (position_ < text_.size() && is_space(text_[position_])) ++position_;
    return position_ < text_.size() ? text_[position_] : '\0';
  }

  void begin_object(std::string_view what) { begin('{', what, "an object"); }
  void begin_array(std::string_view what) { begin('[', what, "an array"); }

  /// Moves to the next member, leaving its key in `key`; false at the end of the object.
  [[gnu::cold]] bool next_key(std::string& key) {
    if (!next('}')) return false;
    if (peek() != '"') fail("bad_json", {"A key in quotes is expected."});
    key = raw_string();
    if (peek() != ':')
      fail("bad_json", {"A colon is expected after the key ", in_quotes(key), "."});
    ++position_;
    return true;
  }

  /// Moves to the next element; false at the end of the array.
  bool next_element() { return next(']'); }

  std::string string(std::string_view what) {
    if (peek() != '"') wrong_type(what, "a string");
    return raw_string();
  }

  /// Decimal digits only: no sign, no leading zero, no fraction or exponent, at most 2^64 - 1.
  [[gnu::cold]] std::uint64_t unsigned_integer(std::string_view what) {
    if (!at_number()) wrong_type(what, "a number");
    const std::string_view digits = take_number();
    std::uint64_t value = 0;
    bool good = digits.size() == 1 || digits[0] != '0';
    for (const char c : digits) {
      const bool digit = c >= '0' && c <= '9';
      good = good && digit && checked_mul<std::uint64_t>(value, 10, value) &&
             checked_add<std::uint64_t>(value, static_cast<std::uint64_t>(c - '0'), value);
      if (!good) break;
    }
    if (!good) {
      fail("bad_number", {"The ", what, " is ", in_quotes(digits),
                          "; a whole number from 0 to 2^64 - 1 in plain digits is expected."});
    }
    return value;
  }

  [[gnu::cold]] double number(std::string_view what) {
    if (!at_number()) wrong_type(what, "a number");
    const std::string_view digits = take_number();
    const std::optional<double> value = number_of(digits);
    if (!value) {
      fail("bad_number", {"The ", what, " is ", in_quotes(digits),
                          "; a number within the range of a double is expected."});
    }
    return *value;
  }

  bool boolean(std::string_view what) {
    if (peek() == 't' || peek() == 'f') return take_word() == "true";
    wrong_type(what, "true or false");
  }

  /// Passes over one value of any kind.
  [[gnu::cold]] void skip() {
    const char c = peek();
    if (c == '{') {
      std::string key;
      begin_object("");
      while (next_key(key)) skip();
    } else if (c == '[') {
      begin_array("");
      while (next_element()) skip();
    } else if (c == '"') {
      static_cast<void>(raw_string());
    } else if (at_number()) {
      const std::string_view digits = take_number();
      if (!is_number(digits)) fail("bad_number", {in_quotes(digits), " is no JSON number."});
    } else {
      static_cast<void>(take_word());
    }
  }

  /// Only white space may follow.
  void finish() {
    peek();
    if (position_ < text_.size()) fail("bad_json", {"There is more after the end of the object."});
  }

  [[noreturn, gnu::noinline, gnu::cold]] void fail(const char* code,
                                                   std::initializer_list<Part> parts) const {
    detail::fail(code, {where_, ", byte ", position_, ": ", joined(parts)});
  }

  /// The value at hand is not what the caller needs. It is read to its end first, so that a text
  /// that is no JSON at all is called that.
  [[noreturn]] void wrong_type(std::string_view what, std::string_view expected) {
    const char c = peek();
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter) skip();
    fail("bad_type", {"The ", what, " is not ", expected, "."});
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  bool at_number() {
    const char c = peek();
    return is_digit(c) || c == '-' || c == '+' || c == '.';
  }

  [[gnu::cold]] std::string_view take_number() {
    const std::size_t start = position_;
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (!is_digit(c) && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E') break;
      ++position_;
    }
    return text_.substr(start, position_ - start);
  }

  /// The grammar of RFC 8259.
  [[gnu::cold]] static bool is_number(std::string_view text) {
    std::size_t i = 0;
    const auto digits = [&] {
      const std::size_t start = i;
      while (i < text.size() && is_digit(text[i])) ++i;
      return i - start;
    };
    if (i < text.size() && text[i] == '-') ++i;
    const bool zero = i < text.size() && text[i] == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (i < text.size() && text[i] == '.') {
      ++i;
      if (digits() == 0) return false;
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
      ++i;
      if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
      if (digits() == 0) return false;
    }
    return i == text.size();
  }

  /// The number that the digits mean, rounded to the nearest, unless they are none or it is beyond
  /// a double.
  static std::optional<double> number_of(std::string_view digits) {
    if (!is_number(digits)) return std::nullopt;
    double value = 0;
#if defined(__cpp_lib_to_chars)
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (result.ec != std::errc()) return std::nullopt;
#else  // a standard library without it
    std::istringstream stream{std::string(digits)};
    stream.imbue(std::locale::classic());
    if (!(stream >> value)) return std::nullopt;
#endif
    return value;
  }

  [[gnu::cold]] std::string_view take_word() {
    peek();
    for (const std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(position_, word.size()) == word) {
        position_ += word.size();
        return word;
      }
    }
    unexpected();
  }

  [[noreturn]] void unexpected() const {
    const std::string_view rest = text_.substr(position_);
    if (rest.empty()) fail("bad_json", {"The text ends too early."});
    if (utf8_length(rest) == 0)
      fail("bad_utf8", {"This is not UTF-8: ", in_quotes(rest.substr(0, 4)), "."});
    fail("bad_json", {"This is not expected here: ", in_quotes(rest.substr(0, 8)), "."});
  }

  [[gnu::cold]] void begin(char open, std::string_view what, std::string_view expected) {
    if (peek() != open) wrong_type(what, expected);
    if (depth_ == max_depth)
      fail("depth_limit", {"Values are nested deeper than ", max_depth, "."});
    ++position_;
    first_[depth_++] = true;
  }

  [[gnu::cold]] bool next(char close) {
    const char c = peek();
    bool& first = first_[depth_ - 1];
    if (c == close) {
      ++position_;
      --depth_;
      return false;
    }
    if (!first) {
      if (c != ',') unexpected();
      ++position_;
      if (peek() == close) fail("bad_json", {"There is a comma after the last entry."});
    }
    first = false;
    return true;
  }

  [[gnu::cold]] std::string raw_string() {
    std::string out;
    ++position_;  // the opening quote
    for (;;) {
      if (position_ >= text_.size()) fail("bad_json", {"A string is not closed."});
      const char c = text_[position_];
      if (c == '"') break;
      if (c == '\\') {
        escape(out);
        continue;
      }
      if (static_cast<unsigned char>(c) < 0x20)
        fail("bad_json", {"A control byte is in a string."});
      const std::size_t length = utf8_length(text_.substr(position_));
      if (length == 0) {
        fail("bad_utf8", {"A string is not UTF-8: ", in_quotes(text_.substr(position_, 4)), "."});
      }
      out.append(text_, position_, length);
      position_ += length;
    }
    ++position_;
    return out;
  }

  [[gnu::cold]] void escape(std::string& out) {
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view bytes = "\"\\/\b\f\n\r\t";
    const char c = position_ + 1 < text_.size() ? text_[position_ + 1] : '\0';
    const std::size_t index = names.find(c);
    if (c != '\0' && index != std::string_view::npos) {
      out += bytes[index];
      position_ += 2;
      return;
    }
    if (c != 'u') fail("bad_json", {"An escape in a string is not one of JSON's."});
    std::uint32_t code = hex4();
    if (code >= 0xD800 && code <= 0xDBFF && text_.substr(position_, 2) == "\\u") {
      const std::uint32_t low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail("bad_utf8", {"Half a surrogate pair is in a string."});
      code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
    } else if (code >= 0xD800 && code <= 0xDFFF) {
      fail("bad_utf8", {"Half a surrogate pair is in a string."});
    }
    const auto put = [&](std::uint32_t byte) {
      out += static_cast<char>(static_cast<unsigned char>(byte));
    };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0U | (code >> 6U));
      put(0x80U | (code & 63U));
    } else if (code < 0x10000) {
      put(0xE0U | (code >> 12U));
      put(0x80U | ((code >> 6U) & 63U));
      put(0x80U | (code & 63U));
    } else {
      put(0xF0U | (code >> 18U));
      put(0x80U | ((code >> 12U) & 63U));
      put(0x80U | ((code >> 6U) & 63U));
      put(0x80U | (code & 63U));
    }
  }

  /// The number of `\uXXXX` at the position.
  [[gnu::cold]] std::uint32_t hex4() {
    std::uint32_t code = 0;
    for (std::size_t i = position_ + 2; i < position_ + 6; ++i) {
      const char c = i < text_.size() ? text_[i] : '\0';
      std::uint32_t digit = 0;
      if (is_digit(c)) {
        digit = static_cast<std::uint32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        digit = (static_cast<std::uint32_t>(c) & 7U) + 9U;
      } else {
        fail("bad_json", {"\\u is not followed by four hexadecimal digits."});
      }
      code = code * 16 + digit;
    }
    position_ += 6;
    return code;
  }

  std::string_view text_;
  std::string_view where_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
  std::array<bool, max_depth> first_{};
};

}  // namespace detail

namespace detail {
/// `text` between quotes, escaped; bytes above 127 stay as they are.
[[nodiscard, gnu::cold]] inline std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00" + hex_byte(c);
    } else {
      out += c;
    }
  }
  return out + '"';
}
}  // namespace detail

/// `text` as a JSON string, in quotes. The text must be UTF-8.
[[nodiscard]] inline std::string json_string(std::string_view text) {
  EQSR_EXPECTS(detail::valid_utf8(text), "bad_utf8", "The text ", in_quotes(text),
               " is not UTF-8 and cannot be written as JSON.");
  return detail::json_quoted(text);
}

}}  // namespace eqsr::EQSR_ABI
