// SPDX-License-Identifier: Apache-2.0
// The chunks of a PNG: which must be right, which are dropped with a note, which are kept.
#include "png_answers.hpp"

#include <doctest/doctest.h>

using namespace eqsr_test;

TEST_CASE("the order and the number of chunks") {
  const std::string text = chunk("tEXt", "a"), zlib = stored("\0\0"s);
  const auto part = [&](std::size_t from, std::size_t count) {
    return chunk("IDAT", zlib.substr(from, count));
  };
  CHECK(code_of(signature + grey + text + part(0, 5) + part(5, 0) + part(5, 99) + text + end) ==
        "none");
  CHECK(code_of(signature + grey + part(0, 5) + text + part(5, 99) + end) == "image_corrupt");
  CHECK(answer_to(signature + grey + data + text + data + end) ==
        "Data that come behind other chunks are ignored. ");
  CHECK(code_of(signature + grey + text + end) == "image_corrupt");  // no data
  CHECK(code_of(signature + grey + big32(0x80000000U) + "tEXt") == "image_corrupt");
  CHECK(code_of(signature + grey + big32(0x7fffffffU) + "tEXt") == "image_truncated");
  const std::string off = "It breaks off behind its data; all its pixels are there. ";
  CHECK(answer_to(signature + grey + data) == off);
  CHECK(answer_to(signature + grey + data + big32(0x80000000U) + "tEXt") == off);
  CHECK(answer_to(signature + grey + data + text.substr(0, 11)) == off);
  CHECK(code_of(signature + grey + data + data.substr(0, 11)) == "image_truncated");
  CHECK(answer_to(signature + grey + data + end + "x") == "1 bytes behind its end are ignored. ");
  for (const char* kind : {"AAAA", "ZZZZ", "PLTe"})
    CHECK(code_of(signature + grey + chunk(kind, "") + data + end) == "image_unsupported");
  for (const char* kind : {"aAAA", "zZZZ", "@AAA", "[AAA"})
    CHECK(code_of(signature + grey + chunk(kind, "") + data + end) == "none");

  CHECK(code_of(signature + indexed + data + end) == "image_corrupt");
  CHECK(code_of(signature + indexed + colours(1) + data + end) == "none");
  CHECK(code_of(signature + indexed + data + colours(1) + end) == "image_corrupt");
  CHECK(code_of(signature + indexed + colours(1) + colours(1) + data + end) == "image_corrupt");
  CHECK(code_of(signature + indexed + colours(256) + data + end) == "none");
  CHECK(code_of(signature + indexed + colours(257) + data + end) == "image_corrupt");
  CHECK(code_of(signature + indexed + colours(0) + data + end) == "image_corrupt");
  CHECK(code_of(signature + rgb + chunk("PLTE", "abcd") + rgb_data + end) == "image_corrupt");
  CHECK(code_of(signature + rgb + colours(2) + rgb_data + end) == "none");  // a suggestion
}

TEST_CASE("transparency must fit the colours") {
  const auto code = [](char colour, std::size_t palette, std::size_t bytes) {
    const std::string before = palette > 0 ? colours(static_cast<unsigned>(palette)) : "";
    const auto row = static_cast<unsigned char>("\2?\4\2\3?\5"[+colour]);  // its bytes
    return answer_to(png(1, 1, 8, colour, std::string(row, '\0'),
                         before + chunk("tRNS", std::string(bytes, '\0'))));
  };
  const std::string odd =
      "What it says about transparency does not fit its colours; it is ignored. ";
  for (std::size_t bytes = 0; bytes < 9; ++bytes) {
    INFO(bytes);
    CHECK(code(0, 0, bytes) == (bytes == 2 ? "none" : odd));
    CHECK(code(2, 0, bytes) == (bytes == 6 ? "none" : odd));
    CHECK(code(3, 4, bytes) == (bytes >= 1 && bytes <= 4 ? "none" : odd));
    CHECK(code(4, 2, bytes).find(odd) != std::string::npos);
    CHECK(code(6, 2, bytes) == odd);
  }
  const std::string clear = chunk("tRNS", "\0\0"s);
  CHECK(eqsr::decode_picture(signature + grey + clear + data + end).image.pixels ==
        std::vector<float>{0, 0, 0, 0});
  CHECK(answer_to(signature + grey + clear + chunk("tRNS", "\0\1"s) + data + end) == odd);
  CHECK(answer_to(signature + grey + data + clear + end) ==
        "The chunk \"tRNS\" comes behind the data; it is ignored. ");
  CHECK(answer_to(signature + indexed + chunk("tRNS", "\0"s) + colours(1) + data + end) == odd);
  // A palette of more colours than the depth has numbers is cut, and its transparency with it.
  const std::string two = png(1, 1, 1, 3, "\0\0"s, colours(4) + chunk("tRNS", "\1\2"s));
  CHECK(answer_to(two) == "none");
  CHECK(answer_to(png(1, 1, 1, 3, "\0\0"s, colours(4) + chunk("tRNS", "\1\2\3"s))) == odd);
}

TEST_CASE("damage that costs no pixel is a note") {
  const auto damaged = [](std::string bytes, std::size_t from_end = 1) {
    bytes[bytes.size() - from_end] = static_cast<char>(bytes[bytes.size() - from_end] ^ 1);
    return bytes;
  };
  const std::string text = chunk("tEXt", "Comment"), wrong = "The checksum of the chunk ";
  CHECK(answer_to(signature + grey + damaged(text) + data + end) ==
        wrong + "\"tEXt\" is wrong; it is ignored. ");
  CHECK(answer_to(signature + grey + damaged(chunk("tRNS", "\0\0"s)) + data + end) ==
        wrong + "\"tRNS\" is wrong; it is ignored. ");
  CHECK(answer_to(signature + grey + data + damaged(end)) ==
        wrong + "\"IEND\" is wrong; it is ignored. ");
  CHECK(code_of(signature + damaged(grey) + data + end) == "image_corrupt");
  CHECK(code_of(signature + grey + damaged(data) + end) == "image_corrupt");
  CHECK(code_of(signature + indexed + damaged(colours(1)) + data + end) == "image_corrupt");
  CHECK(answer_to(signature + grey + data + text + damaged(data) + end) ==
        wrong + "\"IDAT\" is wrong; it is ignored. ");

  const auto with_data = [&](const std::string& zlib) {
    return answer_to(signature + grey + chunk("IDAT", zlib) + end);
  };
  const std::string zlib = stored("\0\0"s);
  CHECK(with_data(zlib + "\0"s) == "1 bytes behind its data are ignored. ");
  CHECK(with_data(zlib + std::string(16, 'x')) == "16 bytes behind its data are ignored. ");
  CHECK(with_data(zlib.substr(0, zlib.size() - 1)) == "The checksum of its data is missing. ");
  CHECK(with_data(damaged(zlib)) == "image_corrupt");
  CHECK(with_data(damaged(zlib + "x", 2)) == "image_corrupt");
  CHECK(answer_to(signature + chunk("IHDR", big32(1) + big32(1) + "\x08\0\0\0\0"s) +
                  chunk("acTL", std::string(8, '\0')) + data + end) ==
        "It is animated; only its first picture is read. ");
  for (const char* kind : {"cICP", "gAMA", "cHRM", "sRGB", "mDCV", "cLLI"})
    CHECK(answer_to(signature + grey + chunk(kind, "\x84?"s) + data + end) ==
          "The chunk \""s + kind + "\" is damaged; it is dropped. ");
  CHECK(answer_to(signature + grey + chunk("pHYs", "12345678\2") + data + end) ==
        "What it says about its resolution is damaged; it is dropped. ");
  CHECK(answer_to(signature + grey + chunk("eXIf", "II\0\0\x08\0\0\0"s) + data + end) ==
        "The block of Exif is damaged; it is dropped. ");
}

TEST_CASE("what says how samples are shown is kept") {
  const std::string rows = "\0\1\2\3"s,
                    bodies[] = {"\x09\x10\0\1"s, big32(100000),        std::string(32, 'c'),
                                "\1"s,           std::string(24, 'm'), std::string(8, 'l')};
  std::string chunks;
  std::size_t i = 0;
  for (const char* kind : {"cICP", "gAMA", "cHRM", "sRGB", "mDCV", "cLLI"})
    chunks += chunk(kind, bodies[i++]);
  const auto picture = eqsr::decode_picture(
      png(1, 1, 8, 2, rows, chunks + chunks + chunk("pHYs", big32(11811) + big32(5906) + "\1")));
  REQUIRE(picture.metadata.colour.size() == 6);
  for (i = 0; i < 6; ++i) CHECK(picture.metadata.colour[i].body == bodies[i]);
  CHECK(picture.metadata.density.x == 11811);
  CHECK(picture.metadata.density.y == 5906);
  CHECK(picture.metadata.density.unit == eqsr::ImageDensity::Unit::metre);
  const std::string again =
      eqsr::encode_image(".png", picture.image, {.metadata = picture.metadata});
  for (const std::string_view part : {std::string_view(chunks)})
    CHECK(again.find(part) != std::string::npos);
  CHECK(again.find(chunk("pHYs", big32(11811) + big32(5906) + "\1")) != std::string::npos);
}

TEST_CASE("what lies beside the pixels") {
  const std::string exif =
      "MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\1\0\0\0\0\0\0"s;  // upright already
  const auto metadata = [](const std::string& file) { return eqsr::decode_picture(file).metadata; };
  CHECK(metadata(signature + grey + chunk("eXIf", exif) + data + end).exif == exif);
  CHECK(metadata(signature + grey + data + chunk("eXIf", exif) + end).exif == exif);
  CHECK(metadata(signature + grey + data + end).exif.empty());
  for (const char* space : {"RGB ", "GRAY"}) {
    const bool fits = space[0] == 'G';  // the picture is grey
    std::string profile(600, 'p');
    profile.replace(0, 4, big32(600)).replace(16, 4, space).replace(36, 4, "acsp");
    const std::string iccp = chunk("iCCP", "screen\0\0"s + stored(profile));
    CHECK(metadata(signature + grey + iccp + data + end).icc_profile == (fits ? profile : ""));
    CHECK(metadata(signature + rgb + iccp + rgb_data + end).icc_profile == (fits ? "" : profile));
    CHECK(metadata(signature + grey + data + iccp + end).icc_profile.empty());  // too late
  }
}
