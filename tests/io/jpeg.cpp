// SPDX-License-Identifier: Apache-2.0
// The walk through a JPEG: which markers it takes for what, and what it keeps of their segments.
#include <doctest/doctest.h>

#include <eqsr/io/picture/jpeg_walk.hpp>
#include <eqsr/io/picture/metadata.hpp>

using eqsr::detail::ImageHeader;
using namespace std::string_literals;

namespace {

std::string segment(unsigned marker, const std::string& body) {
  const std::size_t length = body.size() + 2;
  return "\xff"s + static_cast<char>(marker) + static_cast<char>(length >> 8U) +
         static_cast<char>(length & 255U) + body;
}

/// A frame header of 300 x 200 pixels; `sampling` has one byte a channel.
std::string frame(unsigned marker = 0xc0, const std::string& sampling = "\x22\x11\x11",
                  const std::string& start = "\x08\0\xc8\x01\x2c"s) {
  std::string body = start + static_cast<char>(sampling.size());
  for (const char factors : sampling) body += "\1"s + factors + "\0"s;
  return segment(marker, body);
}

const std::string scan = segment(0xda, "head") + "data";

std::string jpeg(const std::string& segments) { return "\xff\xd8" + segments + "\xff\xd9"; }

ImageHeader walk(const std::string& bytes) { return eqsr::detail::JpegWalk(bytes, "test").read(); }

std::string code_of(const std::string& bytes) {
  try {
    (void)walk(bytes);
  } catch (const eqsr::Error& error) {
    return error.code();
  }
  return "none";
}
std::string code_with(const std::string& segments) {
  return code_of(jpeg(segments + frame() + scan));
}

}  // namespace

TEST_CASE("the frames of three of the sixteen kinds are read") {
  for (unsigned marker = 0xc0; marker <= 0xcf; ++marker) {
    INFO(marker);
    const bool is_frame = marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    CHECK(code_of(jpeg(frame(marker) + scan)) == (marker <= 0xc2 ? "none"
                                                  : is_frame     ? "image_unsupported"
                                                                 : "image_corrupt"));
  }
  const ImageHeader header = walk(jpeg(frame() + scan));
  CHECK(header.width == 300);
  CHECK(header.height == 200);
  CHECK(header.channels == 3);
  CHECK(header.tile_x == 16);
  CHECK(header.tile_y == 16);
  CHECK(header.ignored_at_end == 0);
  CHECK(header.icc_complete);
  CHECK_FALSE(header.is_png);
  CHECK(walk(jpeg(frame(0xc0, "\x11") + scan)).channels == 1);
  const ImageHeader tall = walk(jpeg(frame(0xc0, "\x11\x14\x21") + scan));
  CHECK(tall.tile_x == 16);
  CHECK(tall.tile_y == 32);
  CHECK(walk(jpeg(frame(0xc0, "\x11\x11\x41") + scan)).tile_x == 32);
}

TEST_CASE("frames that are refused") {
  const auto code = [](const std::string& start, const std::string& sampling = "\x11\x11\x11") {
    return code_of(jpeg(frame(0xc0, sampling, start) + scan));
  };
  CHECK(code("\x08\0\1\0\1"s) == "none");
  CHECK(code("\x0c\0\1\0\1"s) == "image_unsupported");  // 12 bits
  CHECK(code("\x08\0\0\0\1"s) == "image_unsupported");  // the height comes later
  CHECK(code("\x08\0\1\0\0"s) == "image_limit");
  CHECK(code("\x08\0\1\0\1"s, "\x11\x11\x11\x11") == "image_unsupported");  // CMYK
  for (const std::size_t channels : {0U, 2U, 5U, 255U})
    CHECK(code("\x08\0\1\0\1"s, std::string(channels, '\x11')) == "image_corrupt");
  for (const char* sampling : {"\x51\x11\x11", "\x15\x11\x11", "\x11\x11\x51", "\x11\x11\x15"})
    CHECK(code("\x08\0\1\0\1"s, sampling) == "image_corrupt");
  for (const char* body : {"\x08", "\x08\2\2\2\2", "\x08\2\2\2\2\3", "\x08\2\2\2\2\3\1\x11",
                           "\x08\2\2\2\2\1\1\x11\1\1\x11\1"})
    CHECK(code_of(jpeg(segment(0xc0, body) + scan)) == "image_corrupt");
  CHECK(code_of(jpeg(frame() + frame() + scan)) == "image_corrupt");
}

TEST_CASE("markers and segments") {
  CHECK(code_with("") == "none");
  CHECK(code_with("\xff\xff\xff") == "none");  // padding
  CHECK(code_with(segment(0xfe, "")) == "none");
  CHECK(code_with(segment(0xfe, std::string(65533, '?'))) == "none");
  CHECK(code_with("x") == "image_corrupt");
  for (const char* marker : {"\x01", "\x02", "\xbf", "\xd0", "\xd7", "\xd8"})
    CHECK(code_with("\xff"s + marker) == "image_corrupt");
  CHECK(code_with("\xff\0"s) == "image_corrupt");
  CHECK(code_with("\xff\xfe\0\0"s) == "image_corrupt");
  CHECK(code_with("\xff\xfe\0\1"s) == "image_corrupt");
  CHECK(code_with("\xff\xfe\xff\xff") == "image_truncated");
  CHECK(code_of(jpeg("")) == "image_corrupt");
  CHECK(code_of(jpeg(frame())) == "image_corrupt");         // no data
  CHECK(code_of(jpeg(scan + frame())) == "image_corrupt");  // data first
  std::string scans;
  for (int i = 0; i < 100; ++i) scans += scan;
  CHECK(code_of(jpeg(frame() + scans)) == "none");
  CHECK(code_of(jpeg(frame() + scans + scan)) == "image_limit");
  const std::string whole = jpeg(segment(0xfe, "note") + frame() + scan);
  for (std::size_t size = 2; size < whole.size(); ++size)
    CHECK(code_of(whole.substr(0, size)) == "image_truncated");
  CHECK(walk(whole + "tail\xff").ignored_at_end == 5);
}

TEST_CASE("what belongs to the coded data") {
  for (const std::string& data :
       {""s, "\xff\0"s, "\xff\0\xff\0"s, "a\xff\xd0z\xff\xd7"s, "a\xff\xff\xff"s, "\xff\0\xff"s}) {
    const std::string coded = segment(0xda, "head") + data;
    CHECK(walk(jpeg(frame() + coded)).ignored_at_end == 0);
    CHECK(walk(jpeg(frame() + coded + scan) + "!").ignored_at_end == 1);
  }
  for (const char* next : {"\xff\xcf", "\xff\xd8", "\xff\x01"})  // each ends the scan
    CHECK(code_of(jpeg(frame() + scan + next)) != "none");
}

TEST_CASE("Huffman tables") {
  const auto code = [](const std::string& counts, std::size_t codes, std::size_t missing = 0) {
    const std::string body = "\0"s + counts + std::string(codes, 'c');
    return code_with(segment(0xc4, body.substr(0, body.size() - missing)));
  };
  const std::string none(16, '\0'), few = "\2"s + std::string(14, '\0') + "\3"s;
  CHECK(code(none, 0) == "none");
  CHECK(code(few, 5) == "none");
  CHECK(code(few, 6) == "image_corrupt");
  CHECK(code(few, 5, 1) == "image_corrupt");
  CHECK(code(few, 5, 6) == "image_corrupt");
  CHECK(code(few, 5, 21) == "image_corrupt");
  CHECK(code(std::string(16, '\x10'), 256) == "none");
  CHECK(code(std::string(15, '\x10') + "\x11", 257) == "image_corrupt");
  CHECK(code(few + "abcde" + "\1" + few, 5) == "none");  // two in a segment
  CHECK(code(few + "abcde" + "\1" + few, 4) == "image_corrupt");
}

TEST_CASE("Exif: the first block with its name") {
  const auto exif = [](const std::string& segments) {
    return std::string(walk(jpeg(segments + frame() + scan)).exif);
  };
  const std::string first = segment(0xe1, "Exif\0\0MM first"s);
  CHECK(exif("") == "");
  CHECK(exif(first) == "MM first");
  CHECK(exif(first + segment(0xe1, "Exif\0\0MM second"s)) == "MM first");
  CHECK(exif(segment(0xe1, "http://ns.adobe.com/xap/1.0/\0<x/>"s) + first) == "MM first");
  CHECK(exif(segment(0xe1, "Exif\0"s)) == "");
  CHECK(exif(segment(0xe2, "Exif\0\0MM"s)) == "");
}

TEST_CASE("the profile's parts, in whatever order") {
  const auto part = [](char number, char count, const std::string& bytes) {
    return segment(0xe2, "ICC_PROFILE\0"s + number + count + bytes);
  };
  const auto profile = [](const std::string& segments) {
    const std::string file = jpeg(segments + frame() + scan);
    const ImageHeader header = walk(file);
    std::string all;
    for (const std::string_view bytes : header.icc_parts) all += bytes;
    return header.icc_complete ? all : "incomplete " + all;
  };
  CHECK(profile(part(1, 1, "one")) == "one");
  CHECK(profile(part(2, 2, "two") + part(1, 2, "one")) == "onetwo");
  CHECK(profile(part(2, 2, "two")) == "incomplete two");
  CHECK(profile(part(1, 2, "one") + part(1, 2, "again")) == "incomplete one");
  CHECK(profile(part(1, 2, "one") + part(2, 3, "two")) == "incomplete one");
  CHECK(profile(part(0, 1, "zero") + part(1, 1, "one")) == "one");
  CHECK(profile(part(2, 1, "two") + part(1, 1, "one")) == "one");
  CHECK(profile(part(1, 2, "") + part(2, 2, "two")) == "two");
  CHECK(profile(segment(0xe2, "ICC_PROFILE\0\1"s)) == "");
  CHECK(profile(segment(0xe2, "ICC_PROFILF\0\1\1one"s)) == "");
  CHECK(profile(segment(0xe1, "ICC_PROFILE\0\1\1one"s)) == "");
}

TEST_CASE("the orientation in Exif of both byte orders") {
  // A little TIFF: the orientation is the second of two entries.
  const auto tiff = [](bool little, unsigned value, unsigned tag = 0x0112) {
    const auto number = [&](unsigned v, unsigned bytes) {
      std::string text;
      for (unsigned i = 0; i < bytes; ++i)
        text += static_cast<char>(v >> (8 * (little ? i : bytes - 1 - i)) & 255U);
      return text;
    };
    return (little ? "II"s : "MM"s) + number(42, 2) + number(10, 4) + "??" + number(2, 2) +
           number(0x0100, 2) + number(3, 2) + number(1, 4) + number(7, 2) + "\0\0"s +
           number(tag, 2) + number(3, 2) + number(1, 4) + number(value, 2) + "\0\0"s;
  };
  for (const bool little : {false, true}) {
    for (unsigned value = 0; value < 300; ++value) {
      const auto found = eqsr::detail::exif_orientation(tiff(little, value));
      const bool sound = value >= 1 && value <= 8;
      CHECK(found.value == (sound ? static_cast<int>(value) : 1));
      CHECK(found.at == (sound ? 32U : 0U));
      CHECK(eqsr::detail::upright_exif(tiff(little, value)) == tiff(little, sound ? 1 : value));
    }
    for (const unsigned tag : {0x0012U, 0x0100U, 0x0111U, 0x0113U, 0x1201U})
      CHECK(eqsr::detail::exif_orientation(tiff(little, 6, tag)).at == 0);
    const std::string whole = tiff(little, 6);
    for (std::size_t size = 0; size < whole.size(); ++size)
      CHECK(eqsr::detail::exif_orientation(whole.substr(0, size)).value == 1);
    CHECK(eqsr::detail::exif_orientation(whole + "\0\0"s).value == 6);
    CHECK(eqsr::detail::exif_orientation("XX" + whole.substr(2)).value == 1);
  }
  CHECK(eqsr::detail::exif_orientation("MM\0*\xff\xff\xff\xff\0\1\1\x12\0\3"s).value == 1);
}
