// SPDX-License-Identifier: Apache-2.0
#include "pictures.hpp"

#include <doctest/doctest.h>

#include <eqsr/io/image.hpp>

#include <filesystem>
#include <fstream>

namespace {

using namespace eqsr_test;

eqsr::Image pattern(int height, int width) {
  eqsr::Image image = eqsr::blank_image(height, width);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<float>(i * 37 % 256) / 255.0f;
  return image;
}

std::string code_of(const std::string& bytes, const eqsr::ReadOptions& options = {}) {
  try {
    (void)eqsr::decode_image(bytes, options);
  } catch (const eqsr::Error& error) {
    CHECK(std::string(error.what()).size() > 20);
    return error.code();
  }
  return "";
}

/// The code of the error, or all notes.
std::string answer_to(const std::string& bytes) {
  std::string notes;
  eqsr::ReadOptions options;
  options.on_note = [&](const std::string& note) { notes += note; };
  const std::string code = code_of(bytes, options);
  return code.empty() ? notes : code;
}

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("eqsr-image-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string operator/(const char* name) const { return (path / name).string(); }
  [[nodiscard]] std::size_t count() const {
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path)) ++files;
    return files;
  }
};

}  // namespace

TEST_CASE("PNG files give back what was written") {
  const Folder folder;
  const eqsr::Image image = pattern(7, 5);
  eqsr::write_image(folder / "a.png", image);
  const eqsr::Image back = eqsr::read_image(folder / "a.png");
  CHECK(back.height == 7);
  CHECK(back.width == 5);
  CHECK(back.channels == 3);
  CHECK(back.pixels == image.pixels);
  CHECK(folder.count() == 1);
}

TEST_CASE("JPEG files come back close, and content decides over the name") {
  eqsr::Image image = eqsr::blank_image(16, 24);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = 0.25f + static_cast<float>(i / 72) / 32.0f;
  const Folder folder;
  eqsr::write_image(folder / "a.JPG", image);
  std::filesystem::rename(folder / "a.JPG", folder / "b.png");
  const eqsr::Image back = eqsr::read_image(folder / "b.png");
  REQUIRE(back.pixels.size() == image.pixels.size());
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    CHECK(back.pixels[i] == doctest::Approx(image.pixels[i]).epsilon(0.03));
}

TEST_CASE("a grey JPEG is written with three equal channels, and that is said") {
  std::string said;
  eqsr::WriteOptions options;
  options.on_note = [&](const std::string& note) { said += note; };
  const eqsr::Image grey{2, 2, 1, {0, 0.25F, 0.5F, 1}};
  const eqsr::Picture back = eqsr::decode_picture(eqsr::encode_image("a.jpg", grey, options));
  CHECK(said == "a.jpg: The grey JPEG is written with three equal channels. PNG keeps one.");
  CHECK_FALSE(back.grey);
  for (std::size_t i = 0; i < 12; i += 3) {
    CHECK(back.image.pixels[i] == back.image.pixels[i + 1]);
    CHECK(back.image.pixels[i] == back.image.pixels[i + 2]);
  }
  said.clear();
  (void)eqsr::encode_image("a.png", grey, options);
  CHECK(said.empty());
}

TEST_CASE("values are clamped and rounded to the nearest byte") {
  eqsr::Image image = eqsr::blank_image(1, 2);
  image.pixels = {-0.2f, 0.0f, 1.3f, 0.5f, 100.4f / 255.0f, 100.6f / 255.0f};
  CHECK(eqsr::to_bytes(image) == std::vector<std::uint8_t>{0, 0, 255, 128, 100, 101});
}

TEST_CASE("grey, palette, alpha and sixteen bits become three channels") {
  std::string notes;
  eqsr::ReadOptions options;
  options.on_note = [&](const std::string& note) { notes += note; };

  const eqsr::Image grey = eqsr::decode_image(png(2, 1, 8, 0, "\0\x33\xff"s), options);
  CHECK(grey.pixels == std::vector<float>{0.2f, 0.2f, 0.2f, 1, 1, 1});
  CHECK(notes.empty());

  const eqsr::Image palette =
      eqsr::decode_image(png(2, 1, 8, 3, "\0\1\0"s, chunk("PLTE", "\xff\0\0\0\xff\0"s)), options);
  CHECK(palette.pixels == std::vector<float>{0, 1, 0, 1, 0, 0});
  CHECK(notes.empty());

  const eqsr::Image alpha = eqsr::decode_image(png(1, 1, 8, 6, "\0\xff\0\x33\x80"s), options);
  CHECK(alpha.pixels == std::vector<float>{1, 0, 0.2f});
  CHECK(notes.find("alpha") != std::string::npos);

  const eqsr::Image deep = eqsr::decode_image(png(1, 1, 16, 2, "\0\x12\x34\xff\xff\0\1"s), options);
  CHECK(deep.pixels[0] == doctest::Approx(0x1234 / 65535.0));
  CHECK(deep.pixels[1] == 1.0f);
  CHECK(deep.pixels[2] == doctest::Approx(1 / 65535.0));
}

TEST_CASE("the orientation of a camera is applied") {
  const auto oriented = [](char orientation) {
    const std::string exif =
        "MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0"s + orientation + "\0\0\0\0\0\0"s;
    const eqsr::Image image =
        eqsr::decode_image(png(3, 2, 8, 0, "\0\1\2\3\0\4\5\6"s, chunk("eXIf", exif)));
    std::vector<int> grey{image.height, image.width};
    for (std::size_t i = 0; i < image.pixels.size(); i += 3)
      grey.push_back(static_cast<int>(std::lround(image.pixels[i] * 255)));
    return grey;
  };
  CHECK(oriented(1) == std::vector<int>{2, 3, 1, 2, 3, 4, 5, 6});
  CHECK(oriented(2) == std::vector<int>{2, 3, 3, 2, 1, 6, 5, 4});
  CHECK(oriented(3) == std::vector<int>{2, 3, 6, 5, 4, 3, 2, 1});
  CHECK(oriented(4) == std::vector<int>{2, 3, 4, 5, 6, 1, 2, 3});
  CHECK(oriented(5) == std::vector<int>{3, 2, 1, 4, 2, 5, 3, 6});
  CHECK(oriented(6) == std::vector<int>{3, 2, 4, 1, 5, 2, 6, 3});
  CHECK(oriented(7) == std::vector<int>{3, 2, 6, 3, 5, 2, 4, 1});
  CHECK(oriented(8) == std::vector<int>{3, 2, 3, 6, 2, 5, 1, 4});
}

TEST_CASE("every prefix of a picture is refused, unless its end mark alone is missing") {
  for (const char* name : {"a.png", "a.jpg"}) {
    const std::string whole = eqsr::encode_image(name, pattern(9, 17));
    CHECK(answer_to(whole).empty());
    const std::size_t mark = whole.size() - (name[2] == 'p' ? 12 : 2);
    for (std::size_t size = 0; size < mark; ++size)
      CHECK(code_of(whole.substr(0, size)) == "image_truncated");
    for (std::size_t size = mark; size < whole.size(); ++size) {
      const std::string answer = answer_to(whole.substr(0, size));
      CHECK(answer.find(name[2] == 'p' ? "breaks off behind its data" : "no end marker") !=
            std::string::npos);
    }
  }
}

TEST_CASE("a flipped byte in a PNG is noticed, behind the data with a note") {
  const std::string whole = eqsr::encode_image("a.png", pattern(5, 5));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    CHECK(answer_to(bytes) != "");
    CHECK(code_of(bytes).empty() == (at >= whole.size() - 12));
  }
}

TEST_CASE("flipped bytes in a JPEG are an error or a picture of the announced size") {
  const std::string whole = eqsr::encode_image("a.jpg", pattern(9, 17));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    eqsr::ReadOptions options;
    options.max_pixels = 1 << 16;
    CHECK_NOTHROW((void)code_of(bytes, options));
  }
}

TEST_CASE("damaged pictures have their code words") {
  const std::string row = "\0\x33"s;
  CHECK(code_of("GIF89a......") == "image_unsupported");
  CHECK(code_of("") == "image_truncated");
  CHECK(code_of(png(0, 1, 8, 0, row)) == "image_limit");
  CHECK(code_of(png(1, 1, 8, 5, row)) == "image_corrupt");
  CHECK(code_of(png(1, 1, 8, 3, row)) == "image_corrupt");
  CHECK(code_of(png(1, 9, 8, 0, row)) == "image_truncated");  // too few rows
  CHECK(code_of(png(1, 1, 8, 0, "\7\x33"s)) == "image_corrupt");
  CHECK(code_of(png(1, 1, 8, 0, row, ihdr(1, 1, 8, 0))) == "image_corrupt");
  CHECK(answer_to(png(1, 1, 8, 0, row) + "x").find("1 bytes behind its end") != std::string::npos);
  CHECK(code_of(signature + ihdr(1, 1, 8, 0) + chunk("IEND", "")) == "image_corrupt");
  CHECK(code_of(png(60000, 60000, 8, 0, row)) == "image_limit");
  std::string bad_crc = png(1, 1, 8, 0, row);
  bad_crc[40] = static_cast<char>(bad_crc[40] ^ 1);
  CHECK(code_of(bad_crc) == "image_corrupt");

  eqsr::ReadOptions options;
  options.max_pixels = 10;
  CHECK(code_of(png(11, 1, 8, 0, row), options) == "image_limit");

  std::string cmyk = eqsr::encode_image("a.jpg", pattern(8, 8));
  const std::size_t frame = cmyk.find("\xff\xc0");
  cmyk[frame + 9] = 4;
  CHECK(code_of(cmyk) == "image_unsupported");
  cmyk[frame + 9] = 3;
  cmyk[frame + 1] = static_cast<char>(0xc9);
  CHECK(code_of(cmyk) == "image_unsupported");
}

TEST_CASE("a small file cannot claim much memory") {
  // Zeros in one Huffman block: a literal, then "repeat the last byte 258 times" in 13 bits each.
  std::string bits = "110" + "00110000"s;
  for (int i = 0; i < 800'000; ++i) bits += "1100010100000";
  bits += "0000000";
  std::string bomb = "\x78\x01";
  for (std::size_t at = 0; at < bits.size(); at += 8) {
    unsigned byte = 0;
    for (std::size_t k = 0; k < 8 && at + k < bits.size(); ++k)
      byte |= (bits[at + k] == '1' ? 1U : 0U) << k;
    bomb += static_cast<char>(byte);
  }
  bomb += big32(0);
  CHECK(bomb.size() < 1'400'000);
  CHECK(code_of(signature + ihdr(4, 4, 8, 0) + chunk("IDAT", bomb) + chunk("IEND", "")) ==
        "image_limit");
}

TEST_CASE("JPEG: bytes behind the end are ignored with a note") {
  std::string notes;
  eqsr::ReadOptions options;
  options.on_note = [&](const std::string& note) { notes += note; };
  CHECK(code_of(eqsr::encode_image("a.jpg", pattern(8, 8)) + "tail", options).empty());
  CHECK(notes.find("4 bytes") != std::string::npos);
}

TEST_CASE("a failed write leaves what was there") {
  const Folder folder;
  std::ofstream(folder / "a.png") << "old";
  eqsr::Image image = pattern(2, 2);
  image.pixels[3] = std::numeric_limits<float>::quiet_NaN();
  try {
    eqsr::write_image(folder / "a.png", image);
    FAIL("no error");
  } catch (const eqsr::Error& error) {
    CHECK(error.code() == "nonfinite_output");
  }
  CHECK(std::filesystem::file_size(folder / "a.png") == 3);
  CHECK(folder.count() == 1);

  const auto code = [&](const std::string& path, const eqsr::Image& given) {
    try {
      eqsr::write_image(path, given);
    } catch (const eqsr::Error& error) {
      return error.code();
    }
    return ""s;
  };
  CHECK(code(folder / "none/a.png", pattern(2, 2)) == "io_error");
  CHECK(code(folder / "a.tif", pattern(2, 2)) == "unknown_format");
  CHECK(code(folder / "a", pattern(2, 2)) == "unknown_format");
  CHECK(code(folder / "b.png", eqsr::blank_image(0, 3)) == "bad_argument");
  CHECK(code(folder / "b.png", eqsr::blank_image(1, 1, 5)) == "bad_argument");
  CHECK(folder.count() == 1);
}

TEST_CASE("a missing file is an io_error with the system's words") {
  try {
    (void)eqsr::read_image("no/such/picture.png");
    FAIL("no error");
  } catch (const eqsr::Error& error) {
    CHECK(error.code() == "io_error");
    CHECK(std::string(error.what()).find("No such file") != std::string::npos);
  }
}
