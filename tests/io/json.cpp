// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"

#include <doctest/doctest.h>

#include <eqsr/io/weights/settings.hpp>

using eqsr_test::code_of;

namespace {

std::string flat_code(std::string_view text) {
  return code_of([&] { static_cast<void>(eqsr::parse_flat_json(text, "test")); });
}

std::string sentence(std::string_view text) {
  try {
    static_cast<void>(eqsr::parse_flat_json(text, "test"));
  } catch (const eqsr::Error& error) {
    return error.what();
  }
  return "";
}

std::string text_of(const std::string& quoted) {
  return eqsr::parse_flat_json("{\"a\":" + quoted + "}", "test").at("a").text;
}

std::string skip_code(std::string_view text) {
  return code_of([&] {
    eqsr::detail::JsonReader in(text, "test");
    in.skip();
    in.finish();
  });
}

}  // namespace

TEST_CASE("a flat object of settings") {
  const auto object = eqsr::parse_flat_json(
      R"( {"channels": 180, "ratio": -2.5e-1, "depths":[5,5,-1], "on":true, "off":false,
           "tiny":1e-300, "text":"a\n\u00e4\ud83d\ude00\/", "none":[]} )",
      "settings");
  using Kind = eqsr::JsonValue::Kind;
  CHECK(object.at("channels") == eqsr::JsonValue{.kind = Kind::number, .number = 180});
  CHECK(object.at("ratio") == eqsr::JsonValue{.kind = Kind::number, .number = -0.25});
  CHECK(object.at("tiny") == eqsr::JsonValue{.kind = Kind::number, .number = 1e-300});
  CHECK(object.at("depths") == eqsr::JsonValue{.kind = Kind::list, .list = {5, 5, -1}});
  CHECK(object.at("on") == eqsr::JsonValue{.number = 1});
  CHECK(object.at("off") == eqsr::JsonValue{});
  CHECK(object.at("text") ==
        eqsr::JsonValue{.kind = Kind::text, .text = "a\n\xC3\xA4\xF0\x9F\x98\x80/"});
  CHECK(object.at("none") == eqsr::JsonValue{.kind = Kind::list});
  CHECK(eqsr::parse_flat_json("{}", "settings").empty());
}

TEST_CASE("settings that are refused") {
  CHECK(flat_code("") == "bad_json");
  CHECK(flat_code("[]") == "bad_type");
  CHECK(flat_code(R"({"a":null})") == "bad_type");
  CHECK(flat_code(R"({"a":{}})") == "bad_type");
  CHECK(flat_code(R"({"a":NaN})") == "bad_type");
  CHECK(flat_code(R"({"a":[1.5]})") == "bad_number");
  CHECK(flat_code(R"({"a":[1e300]})") == "bad_number");
  CHECK(flat_code(R"({"a":["1"]})") == "bad_type");
  CHECK(flat_code(R"({"a":1,"\u0061":2})") == "duplicate_key");
  CHECK(flat_code(R"({"a":1e999})") == "bad_number");
  CHECK(flat_code(R"({"a":1e-400})") == "bad_number");
  for (const char* number : {"01", "+1", "1.", ".5", "-", "1e", "1e+", "0x1", "--1", "1.2.3"}) {
    INFO(number);
    const std::string code = flat_code(std::string("{\"a\":") + number + "}");
    CHECK((code == "bad_number" || code == "bad_json"));
  }
}

TEST_CASE("documents that are accepted") {
  for (const char* text : {"0", "-0", "1E5", "\"\"", "[[],{}]", "null", " [ 1 , 2 ] ", "\"\x7F\"",
                           "[[[[[[[[1]]]]]]]]", R"({"a":{"b":[true,false,null]}})"}) {
    INFO(text);
    CHECK(skip_code(text) == "none");
  }
}

TEST_CASE("documents that are refused") {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"{"sv,           "}"sv,     "[1,]"sv, "{\"a\":1,}"sv, "{\"a\" 1}"sv, "{a:1}"sv,
        "['a']"sv,       "[1 2]"sv, "tru"sv,  "\"\x01\""sv,   "\"\\x\""sv,   "\"\\u12\""sv,
        "\"\\u12g4\""sv, "\"abc"sv, "1 2"sv,  "// x\n1"sv,    "/**/1"sv,     "\xEF\xBB\xBF{}"sv,
        "[,1]"sv,        "{}\0"sv,  "\0"sv,   "\"\\"sv,       "[1"sv,        "{\"a\""sv,
        "{\"a\":"sv,     ""sv,      "{,}"sv}) {
    INFO(text);
    CHECK(skip_code(text) == "bad_json");
  }
  for (const std::string_view text : {"\"\xFF\""sv, "\"\xC0\xAF\""sv, "\"\xED\xA0\x80\""sv,
                                      "\"\\ud800\""sv, "\"\\udc00\""sv, "\"\\ud800\\u0041\""sv}) {
    CHECK(skip_code(text) == "bad_utf8");
  }
  CHECK(skip_code("[[[[[[[[[1]]]]]]]]]") == "depth_limit");
  CHECK(skip_code(std::string(1'000'000, '[')) == "depth_limit");
}

TEST_CASE("numbers follow RFC 8259") {
  for (const char* number : {"0", "-0", "9", "10", "-12", "0.0", "1.5", "-0.25", "0e0", "1E5",
                             "1e+05", "-9.75E-10", "1.0e00", "123456789012345678901234567890"}) {
    INFO(number);
    CHECK(skip_code(number) == "none");
    CHECK(skip_code(std::string(" \t\r\n") + number + " \t\r\n") == "none");
    CHECK(flat_code(std::string("{\"a\":") + number + "}") == "none");
  }
  for (const char* number :
       {"00",   "01",   "-01",   "00.5",  "-",    "--1",   "+1",   "+",    ".5",
        "-.5",  ".",    "1.",    "-1.",   "1.e1", "1e",    "1E",   "1e+",  "1e-",
        "1e.5", "1e5.", "1.2.3", "1e1e1", "1-",   "1+1",   "1-2",  "1e5-", "1.5+",
        "-e5",  "-+1",  "0-",    "1.5.0", "1ee5", "1e+-5", "9.e9", "0.0.0"}) {
    INFO(number);
    CHECK(skip_code(number) == "bad_number");
    CHECK(flat_code(std::string("{\"a\":") + number + "}") == "bad_number");
  }
  CHECK(flat_code(R"({"a":[-9007199254740992,9007199254740992]})") == "none");
  CHECK(flat_code(R"({"a":[9007199254740994]})") == "bad_number");
  CHECK(flat_code(R"({"a":[-9007199254740994]})") == "bad_number");
  const auto unsigned_code = [](std::string_view text) {
    return code_of([&] {
      eqsr::detail::JsonReader in(text, "test");
      const std::uint64_t value = in.unsigned_integer("size");
      CHECK(std::to_string(value) == text);
    });
  };
  for (const char* text : {"0", "9", "10", "90", "1234567890", "18446744073709551615"})
    CHECK(unsigned_code(text) == "none");
  for (const char* text : {"00", "09", "-1", "+1", "1.0", "1e1", "18446744073709551616",
                           "18446744073709551620", "28446744073709551615"})
    CHECK(unsigned_code(text) == "bad_number");
}

TEST_CASE("every escape is the byte or the code point that it stands for") {
  CHECK(text_of(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(text_of(R"("\u0041\u00e9\u00E9\uaBcD\uAbCd")") ==
        "A\xC3\xA9\xC3\xA9\xEA\xAF\x8D\xEA\xAF\x8D");
  CHECK(text_of(R"("\u007f\u0080\u07ff\u0800\uffff")") ==
        "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
  CHECK(text_of(R"("\ud7ff\ue000")") == "\xED\x9F\xBF\xEE\x80\x80");
  CHECK(text_of(R"("\ud800\udc00\udbff\udfff x")") == "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF x");
  for (const char* text : {R"("\ud800")", R"("\udbff")", R"("\udc00")", R"("\udfff")",
                           R"("\ud800\udbff")", R"("\ud800\ue000")", R"("\udbffabcdef")"}) {
    INFO(text);
    CHECK(skip_code(text) == "bad_utf8");
  }
  for (const std::string digit : {"g", "G", "`", "@", "/", ":", "\""}) {
    CHECK(skip_code("\"\\u" + digit + "000\"") == "bad_json");
    CHECK(skip_code("\"\\u000" + digit + "\"") == "bad_json");
  }
  CHECK(skip_code("\"\\u") == "bad_json");
  CHECK(skip_code("\"\\a\"") == "bad_json");
  CHECK(text_of("\" \"") == " ");
  CHECK(skip_code("\"\x1F\"") == "bad_json");
}

TEST_CASE("the sentences name the mistake and its byte") {
  CHECK(sentence(R"({"a":1,})").find("byte 7: There is a comma after") != std::string::npos);
  CHECK(sentence(R"({"a":1)").find("byte 6: The text ends too early") != std::string::npos);
  CHECK(sentence(R"({"a")").find("byte 4: A colon is expected after the key \"a\"") !=
        std::string::npos);
  CHECK(sentence(R"({"a":nul})").find("byte 5: The \"a\" is not a number") != std::string::npos);
  CHECK(sentence(R"({"a":1}x)").find("byte 7: There is more after") != std::string::npos);
  CHECK(sentence("{\"a\":1\xFF}").find("This is not UTF-8") != std::string::npos);
  CHECK(skip_code("\xFF") == "bad_utf8");
  CHECK(skip_code("[\xFF]") == "bad_utf8");
  CHECK(skip_code("?") == "bad_json");
}

TEST_CASE("a string survives writing and reading") {
  std::string text = "\"\\/ \xC3\xA4";
  for (char c = 0; c < 0x20; ++c) text += c;
  const std::string json = "{" + eqsr::json_string(text) + ":" + eqsr::json_string(text) + "}";
  CHECK(eqsr::parse_flat_json(json, "test").at(text).text == text);
  CHECK(code_of([] { static_cast<void>(eqsr::json_string("\xFF")); }) == "bad_utf8");
  CHECK(eqsr::json_string(" \"\\\x1F~\n") == R"(" \"\\\u001f~\u000a")");
}
