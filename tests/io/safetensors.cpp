// SPDX-License-Identifier: Apache-2.0
// Row names (A1 ... D13) are those of the table of bad inputs in docs/reliability.md.
#include "builder.hpp"

#include <doctest/doctest.h>

using namespace eqsr_test;

namespace {

const std::string two_floats = floats({1.5F, -2.0F});

std::string record(const std::string& text, std::size_t payload = 8) {
  return open_code(safetensors(text, std::string(payload, '\0')));
}
std::string with_shape(const std::string& shape) {
  return record(R"({"w":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,8]}})");
}
std::string with_offsets(const std::string& offsets) {
  return record(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":)" + offsets + "}}");
}
std::string named(const std::string& name) {
  return record("{\"" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})");
}
const std::string good = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

}  // namespace

TEST_CASE("a sound file, also with leading spaces and unaligned data (B9, D12)") {
  for (const std::string pad : {"", " ", "  \n\t  "}) {
    const auto dict = open_bytes(safetensors(pad + good + "   ", two_floats));
    CHECK(dict.format() == "safetensors");
    CHECK(dict.at("w").to_float() == std::vector<float>{1.5F, -2.0F});
  }
  const auto dict = open_bytes(safetensors(
      R"({"__metadata__":{"a":"b"},"f":{"dtype":"F32","shape":[],"data_offsets":[1,5]},)"
      R"("u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
      R"("e":{"dtype":"F64","shape":[0,3],"data_offsets":[1,1]}})",
      "\x07" + floats({0.25F})));
  CHECK(dict.size() == 3);
  CHECK(dict.begin()->name == "f");  // the header's order
  CHECK(dict.at("f").to_float() == std::vector<float>{0.25F});
  CHECK(dict.at("u").to_int64() == std::vector<std::int64_t>{7});
  CHECK(dict.at("e").numel() == 0);
  CHECK(dict.at("e").to_float().empty());
  CHECK(dict.metadata().at("a") == "b");
  CHECK(open_bytes(safetensors("{}", "")).empty());
}

TEST_CASE("B: the frame") {
  const std::string file = safetensors(good, two_floats);
  std::string f = file;
  for (const std::uint64_t n :
       {~std::uint64_t{0}, std::uint64_t{1} << 63U, eqsr::Limits{}.max_header_bytes + 1}) {
    patch(f, 0, n);
    CHECK(open_code(f) == "header_too_large");  // B1, B2
  }
  patch(f, 0, std::uint64_t{file.size() - 8 + 1});
  CHECK(open_code(f) == "truncated");  // B3
  patch(f, 0, std::uint64_t{0});
  CHECK(open_code(f) == "bad_json");  // B4
  patch(f, 0, std::uint64_t{good.size() - 1});
  CHECK(open_code(f) == "bad_json");
  patch(f, 0, std::uint64_t{file.size() - 8});
  CHECK(open_code(f) == "bad_json");
  CHECK(open_code(safetensors(good, two_floats.substr(0, 7))) == "size_mismatch");  // B5
  CHECK(open_code(file + "x") == "trailing_data");                                  // B6
  CHECK(open_code(file + zip({{"a", "b"}}).bytes) == "trailing_data");
  CHECK(open_code(file + "#!/bin/sh\n") == "trailing_data");
  for (const char* bytes : {"\xFF", "\xC0\xAF", "\xED\xA0\x80"}) {
    CHECK(named(bytes) == "bad_utf8");  // B7
    CHECK(record(std::string("{") + bytes + "}") != "none");
  }
  CHECK(record("\xEF\xBB\xBF" + good) == "bad_json");  // B8
  CHECK(record(good + std::string(3, '\0')) == "bad_json");
}

TEST_CASE("C: JSON") {
  const std::string w = R"("w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  CHECK(record("{" + w + "," + w + "}") == "duplicate_key");  // C1
  CHECK(record("{" + w + R"(,"\u0077":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}})") ==
        "duplicate_key");  // C2
  CHECK(record(R"({"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})") ==
        "duplicate_key");  // C3
  CHECK(record(R"({"__metadata__":{},"__metadata__":{}})") == "duplicate_key");
  CHECK(record(R"({"__metadata__":{"a":"1","a":"1"}})") == "duplicate_key");
  std::string many = "{" + w;
  while (many.size() < 50'000'000) many += "," + w;
  CHECK(record(many + "}") == "duplicate_key");                 // C4
  CHECK(record(std::string(1'000'000, '[')) == "depth_limit");  // C5
  CHECK(with_shape(std::string(200, '[') + std::string(200, ']')) == "depth_limit");
  CHECK(record(R"({"w":{"x":)" + std::string(200, '[') + std::string(200, ']') + "}}") ==
        "depth_limit");
  for (const std::string number : {"-8", "-0", "+1", "02", "2.0", "2e0", "18446744073709551616",
                                   "1e30", "1e999", "-1", "00"}) {
    INFO(number);
    CHECK(with_shape("[" + number + "]") == "bad_number");  // C6, C7
    CHECK(with_offsets("[0," + number + "]") == "bad_number");
  }
  CHECK(with_shape("[" + std::string(1'000'000, '9') + "]") == "bad_number");
  for (const std::string value : {"NaN", "true", "\"2\"", "null", "Infinity", "[]", "{}"}) {
    INFO(value);
    CHECK(with_shape("[" + value + "]") == "bad_type");  // C8
    CHECK(with_offsets("[0," + value + "]") == "bad_type");
  }
  for (const std::string& text :
       {"{" + w + ",}", "{/**/" + w + "}", std::string(R"({'w':1})"), "{" + w + "}{}", good + good,
        std::string("{\"w\x01\":1}"), std::string("{\"w")}) {
    INFO(text);
    CHECK(record(text) == "bad_json");  // C9, C10
  }
  CHECK(named("\\ud800") == "bad_utf8");
  CHECK(named("\\q") == "bad_json");
  CHECK(record(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})") ==
        "unknown_field");                                     // C11
  CHECK(record(R"({"w":["F32",[2],[0,8]]})") == "bad_type");  // C12
  for (const std::string value : {"null", "1", R"({"a":{}})", R"({"a":1})", "[]"}) {
    CHECK(record("{\"__metadata__\":" + value + "}") == "bad_type");  // C13
  }
  CHECK(named("") == "bad_name");  // C14
  CHECK(named("a\\u0000b") == "bad_name");
  CHECK(named(std::string(1025, 'n')) == "bad_name");
  CHECK(named(std::string(1024, 'n')) == "none");
  CHECK(named("../../etc/passwd") == "none");  // C15: just a key
  std::string empty = "{";
  for (int i = 0; i < 1001; ++i) {
    empty += "\"" + std::to_string(i) + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)";
  }
  empty.back() = '}';
  CHECK(open_code(safetensors(empty, "")) == "none");
  eqsr::Limits few;
  few.max_tensors = 1000;
  CHECK(open_code(safetensors(empty, ""), few) == "too_many_tensors");  // C16
}

TEST_CASE("D: the table") {
  for (const char* dtype : {"f32", "F4", "F8_E4M3", "U16", "C64", "", "F32 "}) {
    CHECK(record(std::string(R"({"w":{"dtype":")") + dtype +
                 R"(","shape":[2],"data_offsets":[0,8]}})") == "unsupported_dtype");  // D1
  }
  for (const char* shape :
       {"[2,18446744073709551614]", "[2,9223372036854775807]", "[2147483648]",
        "[2147483647,2147483647,2147483647]", "[2147483647,2147483647,4]",
        "[0,18446744073709551615,18446744073709551615]",
        "[18446744073709551615,18446744073709551615,0]", "[0,2147483647,2147483647,2147483647]"}) {
    INFO(shape);
    CHECK(with_shape(shape) == "overflow");  // D2, D3
  }
  CHECK(with_shape("[1,1,1,1,1,1,1,2]") == "none");
  CHECK(with_shape("[1,1,1,1,1,1,1,1,2]") == "rank_limit");  // D4
  std::string ones = "[2";
  for (int i = 0; i < 999; ++i) ones += ",1";
  CHECK(with_shape(ones + "]") == "rank_limit");
  CHECK(with_offsets("[8,0]") == "bad_offset");  // D5
  CHECK(with_offsets("[0]") == "bad_type");
  CHECK(with_offsets("[]") == "bad_type");
  CHECK(with_offsets("[0,8,8]") == "bad_type");
  for (const char* lacking : {R"("dtype":"F32","shape":[2])", R"("data_offsets":[0,8],"shape":[2])",
                              R"("dtype":"F32","data_offsets":[0,8])", ""})
    CHECK(record(R"({"w":{)" + std::string(lacking) + "}}") == "bad_type");
  CHECK(with_shape("[2147483647]") == "size_mismatch");  // the largest extent
  const auto two = [](const char* a, const char* b, std::size_t payload) {
    return record(std::string(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)") + a +
                      R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":)" + b + "}}",
                  payload);
  };
  CHECK(two("[0,8]", "[0,8]", 8) == "overlap");    // D6
  CHECK(two("[0,8]", "[4,12]", 12) == "overlap");  // D7
  CHECK(two("[0,8]", "[9,17]", 17) == "gap");      // D8
  CHECK(two("[1,9]", "[9,17]", 17) == "gap");
  CHECK(two("[8,16]", "[0,8]", 16) == "none");
  CHECK(with_offsets("[0,1000]") == "out_of_range");  // D9
  CHECK(with_offsets("[18446744073709551607,18446744073709551615]") == "out_of_range");
  CHECK(record(good, 0) == "out_of_range");
  CHECK(record(good, 1) == "size_mismatch");       // cut within the last element
  CHECK(with_shape("[1]") == "size_mismatch");     // D10
  CHECK(with_shape("[1000]") == "size_mismatch");  // D11
  eqsr::Limits little_memory;
  little_memory.memory_budget = 7;
  CHECK(open_code(safetensors(good, two_floats), little_memory) == "memory_budget");  // D13
}

TEST_CASE("limits are what may just be reached") {
  const std::string file = safetensors(good, two_floats);
  eqsr::Limits limits;
  limits.memory_budget = 8;
  limits.max_tensors = 1;
  limits.max_header_bytes = good.size();
  CHECK(open_code(file, limits) == "none");
  --limits.max_header_bytes;
  CHECK(open_code(file, limits) == "header_too_large");
}

TEST_CASE("every prefix is refused, every bit flip refused or harmless") {
  const std::string file = safetensors(R"({"a":{"dtype":"F16","shape":[3],"data_offsets":[8,14]},)"
                                       R"("b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})",
                                       std::string(14, '\1'));
  sweep(file, [](bool sound, const char* kind, std::size_t at) {
    INFO(kind, " ", at);
    REQUIRE(sound);
  });
}

TEST_CASE("what is written is read again, and written equal") {
  const TemporaryFolder folder;
  eqsr::StateDict dict;
  dict.insert("z", {2, 3}, {1, 2, 3, 4, 5, 6});
  dict.insert("a.half", {3}, {1.0F, 65504.0F, 1e-7F}, eqsr::Dtype::f16);
  dict.insert("b.bf16", {1}, {3.14159F}, eqsr::Dtype::bf16);
  dict.insert("c.f64", {}, {2.5F}, eqsr::Dtype::f64);
  dict.insert("empty", {0, 4}, std::vector<float>{});
  dict.metadata() = {{"config", R"({"a":[1,2]})"}, {"\x01", "\xC3\xA4\n"}};
  const std::string path = folder.path("w.safetensors");
  eqsr::write_safetensors(path, dict);
  const auto back = eqsr::StateDict::open(path);
  CHECK(back.metadata() == dict.metadata());
  CHECK(back.size() == dict.size());
  CHECK(back.begin()->name == "a.half");  // sorted
  for (const auto& [name, tensor] : dict) {
    CHECK(back.at(name).dtype() == tensor.dtype());
    CHECK(back.at(name).shape() == tensor.shape());
    CHECK(back.at(name).to_bytes() == tensor.to_bytes());
  }
  CHECK(back.at("c.f64").to_float() == std::vector<float>{2.5F});
  const std::string bytes = read_file(path);
  CHECK(eqsr::detail::load_little<std::uint64_t>(bytes.data()) % 8 == 0);
  eqsr::StateDict small;
  for (const char* name : {"b", "a"}) small.insert(name, {1, 1}, {0.5F});
  eqsr::write_safetensors(folder.path("small"), small, {{"k", "v"}});
  CHECK(read_file(folder.path("small")) ==
        safetensors(R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1,1],)"
                    R"("data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1,1],)"
                    R"("data_offsets":[4,8]}})",
                    floats({0.5F, 0.5F})));
  eqsr::write_safetensors(folder.path("again"), back);
  CHECK(read_file(folder.path("again")) == bytes);
  CHECK(code_of([&] { eqsr::write_safetensors(folder.path("no/such/folder"), dict); }) ==
        "io_error");
  CHECK(code_of([&] { eqsr::write_safetensors(path, dict, {{"a", "\xFF"}}); }) == "bad_utf8");
  CHECK(read_file(path) == bytes);  // untouched
}

TEST_CASE("an unfinished file leaves nothing behind") {
  const TemporaryFolder folder;
  const std::string path = folder.write("kept", "old");
  {
    eqsr::OutputFile out(path);
    out.write("new", 3);
  }
  CHECK(read_file(path) == "old");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path(""))) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  CHECK(files == 1);
  eqsr::OutputFile out(path);
  out.write("new", 3);
  out.commit();
  CHECK(read_file(path) == "new");
}
