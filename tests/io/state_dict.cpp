// SPDX-License-Identifier: Apache-2.0
// Row names (A1 ... A9) are those of the table of bad inputs in docs/reliability.md.
#include "builder.hpp"

#include <doctest/doctest.h>

#include <thread>   // thread
#include <utility>  // exchange

using namespace eqsr_test;

namespace {

const std::string sound =
    safetensors(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", floats({1.5F, -2.0F}));

/// A PyTorch file with one tensor.
std::string small_archive() {
  namespace p = eqsr_test::pickle;
  return pth_zip(p::whole(p::dict(p::text("w") + p::tensor(p::storage("0", 1), 0, {1}, {1}))),
                 {{"0", floats({3})}})
      .bytes;
}

std::string sentence(std::string_view bytes) {
  try {
    static_cast<void>(open_bytes(bytes));
  } catch (const eqsr::Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("A1, A2: what is no plain file is refused at once") {
  const TemporaryFolder folder;
  CHECK(path_code(folder.path("missing")) == "io_error");
  CHECK(path_code("") == "io_error");
  CHECK(path_code(std::string("a\0b", 3)) == "io_error");
  CHECK(path_code(folder.path("")) == "not_regular_file");
}

TEST_CASE("A3-A6: content decides what a file is") {
  for (std::size_t n = 0; n < 8; ++n) CHECK(open_code(sound.substr(0, n)) == "truncated");  // A3
  const std::string rest(600, 'x');
  CHECK(open_code("<!DOCTYPE html><html>" + rest) == "unknown_format");  // A4
  CHECK(open_code("Hello, these are my weights: 1, 2, 3\n") == "unknown_format");
  CHECK(open_code(std::string("\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16) + rest) == "unknown_format");
  CHECK(sentence("<!DOCTYPE html><html>" + rest).find("3c 21 44") != std::string::npos);
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, '0') +
      "\nsize 123456\n";
  CHECK(open_code(pointer) == "unknown_format");  // A5
  CHECK(sentence(pointer).find("Git LFS pointer") != std::string::npos);
  std::string tar = "weights.bin" + std::string(246, '\0') + "ustar" + rest;
  CHECK(open_code(tar) == "unsupported_container");  // A6
  CHECK(open_code("\x1F\x8B\x08" + rest) == "unsupported_container");
  CHECK(open_code("7z\xBC\xAF\x27\x1C" + rest) == "unsupported_container");
  CHECK(open_code("GGUF\x03" + std::string(600, '\0')) == "unsupported_container");
  CHECK(sentence("7z\xBC\xAF\x27\x1C" + rest).find("7z") != std::string::npos);
}

TEST_CASE("A7: names and extensions do not count") {
  const TemporaryFolder folder;
  const std::string archive = small_archive();
  CHECK(eqsr::StateDict::open(folder.write("a.pth", sound)).format() == "safetensors");
  CHECK(eqsr::StateDict::open(folder.write("a.safetensors", archive)).format() == "pytorch zip");
}

TEST_CASE("a program without the reader of PyTorch files says what to do") {
  const TemporaryFolder folder;
  const std::string archive = small_archive();
  const auto reader = std::exchange(eqsr::detail::pytorch_reader, nullptr);
  for (const std::string& bytes : {archive, std::string("before") + archive, "\x80\x02" + sound}) {
    try {
      static_cast<void>(eqsr::StateDict::open(folder.write("w", bytes)));
      FAIL_CHECK("no error");
    } catch (const eqsr::Error& error) {
      CHECK(error.code() == "unsupported_container");
      CHECK(std::string(error.what()).find("include <eqsr/io/weights/pth.hpp>") !=
            std::string::npos);
    }
  }
  CHECK(open_code(sound) == "none");
  eqsr::detail::pytorch_reader = reader;
  CHECK(open_code(archive) == "none");
}

TEST_CASE("A8: a file that changes while it is read") {
  const TemporaryFolder folder;
  const std::string path = folder.write("w", sound);
  const eqsr::detail::InputFile file(path);
  std::filesystem::resize_file(path, sound.size() - 4);
  CHECK(code_of([&] { static_cast<void>(eqsr::detail::read_safetensors(file, {})); }) ==
        "truncated");
  const eqsr::detail::InputFile grown(path);
  std::filesystem::resize_file(path, sound.size());
  CHECK(code_of([&] { grown.expect_unchanged(); }) == "io_error");
}

TEST_CASE("A9: a limit on the file") {
  eqsr::Limits limits;
  limits.max_file_bytes = sound.size();
  CHECK(open_code(sound, limits) == "none");
  --limits.max_file_bytes;
  CHECK(open_code(sound, limits) == "limit_exceeded");
}

TEST_CASE("errors name the file in harmless characters, and leave the loader usable") {
  const TemporaryFolder folder;
  const std::string path = folder.write("w\x1B[31m", sound + "x");
  std::string text;
  for (int i = 0; i < 3; ++i) {
    try {
      static_cast<void>(eqsr::StateDict::open(path));
    } catch (const eqsr::Error& error) {
      text = error.what();
    }
    CHECK(eqsr::StateDict::open(folder.write("good", sound)).size() == 1);
  }
  CHECK(text.find('\x1B') == std::string::npos);
  CHECK(text.find(".") != std::string::npos);
}

TEST_CASE("a dictionary made in memory") {
  eqsr::StateDict dict;
  CHECK(dict.empty());
  dict.insert("b", {2, 2}, {1, 2, 3, 4});
  dict.insert("a", {}, {5});
  std::string order;
  for (auto& [name, tensor] : dict) order += name + std::to_string(tensor.numel());
  CHECK(order == "b4a1");
  CHECK(dict.contains("a"));
  CHECK(dict.find("c") == nullptr);
  CHECK(dict.at("a").to_float() == std::vector<float>{5});
  CHECK(dict.at("a").shape().empty());
  CHECK(code_of([&] { static_cast<void>(dict.at("c")); }) == "missing_tensor");
  CHECK(code_of([&] { dict.insert("a", {1}, {1}); }) == "duplicate_key");
  CHECK(code_of([&] { dict.insert("", {1}, {1}); }) == "bad_name");
  CHECK(code_of([&] { dict.insert("c", {2}, {1}); }) == "shape_mismatch");
  CHECK(code_of([&] { dict.insert("c", {-1}, {1}); }) == "shape_mismatch");
  CHECK(code_of([&] { dict.insert("c", {1}, {1}, eqsr::Dtype::i8); }) == "dtype_mismatch");
  CHECK(dict.size() == 2);
  CHECK_FALSE(dict.strip("module."));
  eqsr::StateDict prefixed;
  prefixed.insert("module.a", {1}, {1});
  prefixed.insert("module.b", {1}, {1e30F}, eqsr::Dtype::f16);
  CHECK(prefixed.at("module.b").first_nonfinite() == 0);
  CHECK(prefixed.strip("module."));
  CHECK(prefixed.contains("a"));
  CHECK_FALSE(prefixed.contains("module.a"));
}

TEST_CASE("many threads may open one file") {
  const TemporaryFolder folder;
  const std::string path = folder.write("w", sound);
  const std::string bad = folder.write("bad", sound + "x");
  std::vector<std::thread> threads;
  std::vector<int> good(8, 0);
  for (std::size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const bool loads = eqsr::StateDict::open(path).at("w").to_float()[0] == 1.5F;
        good[t] += loads && path_code(bad) == "trailing_data" ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == std::vector<int>(8, 50));
}
