// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"

#include <doctest/doctest.h>

using eqsr_test::code_of;

namespace {

std::string flat_code(std::string_view text) {
  return code_of([&] { static_cast<void>(eqsr::parse_flat_json(text, "test")); });
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
           "text":"a\n\u00e4\ud83d\ude00\/", "none":[]} )",
      "settings");
  CHECK(std::get<double>(object.at("channels")) == 180.0);
  CHECK(std::get<double>(object.at("ratio")) == -0.25);
  CHECK(std::get<std::vector<std::int64_t>>(object.at("depths")) ==
        std::vector<std::int64_t>{5, 5, -1});
  CHECK(std::get<bool>(object.at("on")));
  CHECK_FALSE(std::get<bool>(object.at("off")));
  CHECK(std::get<std::string>(object.at("text")) == "a\n\xC3\xA4\xF0\x9F\x98\x80/");
  CHECK(std::get<std::vector<std::int64_t>>(object.at("none")).empty());
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

TEST_CASE("a string survives writing and reading") {
  std::string text = "\"\\/ \xC3\xA4";
  for (char c = 0; c < 0x20; ++c) text += c;
  const std::string json = "{" + eqsr::json_string(text) + ":" + eqsr::json_string(text) + "}";
  CHECK(std::get<std::string>(eqsr::parse_flat_json(json, "test").at(text)) == text);
  CHECK(code_of([] { static_cast<void>(eqsr::json_string("\xFF")); }) == "bad_utf8");
}
