// SPDX-License-Identifier: Apache-2.0
// The walk through a JPEG: which markers it takes for what, and what it keeps of their segments.
#include "jpegs.hpp"

#include <doctest/doctest.h>

#include <eqsr/io/image.hpp>

using eqsr::PictureHeader;
using namespace eqsr_test;

namespace {

const JpegParts parts;
const std::string tables = parts.tables(), frame = parts.frame(), scan = parts.scan();

std::string jpeg(const std::string& segments) { return "\xff\xd8" + segments + "\xff\xd9"; }

PictureHeader walk(const std::string& bytes) {
  return eqsr::detail::JpegWalk(bytes, "test").read();
}

std::string code_of(const std::string& bytes) {
  try {
    eqsr::detail::JpegWalk walk(bytes, "test");
    (void)walk.read();
    // What the walk lets pass, the decoder must read; of its essence nothing is to be noted.
    const std::string essence = walk.essence();
    for (const std::string& note : eqsr::detail::JpegWalk(essence, "essence").read().notes)
      CHECK((note.find("last scans") != std::string::npos ||
             note.find("beyond its") != std::string::npos));
    CHECK_NOTHROW((void)eqsr::decode_picture(bytes));
  } catch (const eqsr::Error& error) {
    return error.code();
  }
  return "none";
}
std::string code_with(const std::string& segments) {
  return code_of(jpeg(segments + tables + frame + scan));
}

/// All notes, or the code of the error.
std::string notes_of(const std::string& bytes) {
  std::string all;
  const std::string code = code_of(bytes);
  if (code != "none") return code;
  for (const std::string& note : walk(bytes).notes)
    if (note.find("standard ones") == std::string::npos) all += note;
  return all;
}

JpegParts with(const std::string& sampling, unsigned marker = 0xc0) {
  JpegParts made;
  made.sampling = sampling;
  made.marker = marker;
  return made;
}

}  // namespace

TEST_CASE("the frames of three of the sixteen kinds are read") {
  for (unsigned marker = 0xc0; marker <= 0xcf; ++marker) {
    if (marker == 0xc2) continue;  // progressive: its scans are others
    INFO(marker);
    const bool table = marker == 0xc4 || marker == 0xcc;
    CHECK(code_of(with("\x22\x11\x11", marker).whole()) == (marker <= 0xc1 ? "none"
                                                            : table        ? "image_corrupt"
                                                                           : "image_unsupported"));
  }
  CHECK_THROWS_WITH((void)walk(with("\x11", 0xc9).whole()), doctest::Contains("arithmetic"));
  CHECK_THROWS_WITH((void)walk(with("\x11", 0xc3).whole()), doctest::Contains("lossless"));
  JpegParts made;
  made.width = 300;
  made.height = 200;
  const PictureHeader header = walk(made.whole());
  CHECK(header.width == 300);
  CHECK(header.height == 200);
  CHECK(header.channels == 3);
  CHECK(header.tile_x == 16);
  CHECK(header.tile_y == 16);
  CHECK(header.icc_complete);
  CHECK(header.ycbcr);
  CHECK_FALSE(header.is_png);
  CHECK(walk(with("\x11").whole()).channels == 1);
  CHECK_FALSE(walk(with("\x11").whole()).ycbcr);
  const PictureHeader tall = walk(with("\x22\x14\x21").whole());
  CHECK(tall.tile_x == 16);
  CHECK(tall.tile_y == 32);
  CHECK(walk(with("\x21\x11\x41").whole()).tile_x == 32);
}

TEST_CASE("frames that are refused") {
  const auto code = [](const std::string& start, const std::string& sampling = "\x11\x11\x11") {
    std::string body = start + static_cast<char>(sampling.size());
    for (std::size_t i = 0; i < sampling.size(); ++i)
      body += static_cast<char>(i + 1) + sampling.substr(i, 1) + "\0"s;
    JpegParts made = with(sampling);
    made.width = made.height = 1;
    return code_of(jpeg(tables + segment(0xc0, body) + made.scan()));
  };
  CHECK(code("\x08\0\1\0\1"s) == "none");
  CHECK(code("\x0c\0\1\0\1"s) == "image_unsupported");  // 12 bits
  CHECK(code("\x08\0\0\0\1"s) == "image_unsupported");  // the height comes later
  CHECK(code("\x08\0\1\0\0"s) == "image_limit");
  CHECK(code("\x08\0\1\0\1"s, "\x11\x11\x11\x11") == "image_unsupported");  // CMYK
  for (const std::size_t channels : {0U, 2U, 5U, 255U})
    CHECK(code("\x08\0\1\0\1"s, std::string(channels, '\x11')) == "image_corrupt");
  for (const char* sampling : {"\x51\x11\x11", "\x15\x11\x11", "\x11\x11\x51", "\x11\x11\x15",
                               "\x01\x11\x11", "\x44\x11\x11"})
    CHECK(code("\x08\0\1\0\1"s, sampling) == "image_corrupt");
  CHECK(code("\x08\0\1\0\1"s, "\x31\x21\x11") == "image_unsupported");
  for (const char* body : {"\x08", "\x08\2\2\2\2", "\x08\2\2\2\2\3", "\x08\2\2\2\2\3\1\x11",
                           "\x08\2\2\2\2\1\1\x11\1\1\x11\1"})
    CHECK(code_of(jpeg(tables + segment(0xc0, body) + scan)) == "image_corrupt");
  CHECK(code_of(jpeg(tables + frame + frame + scan)) == "image_corrupt");
}

TEST_CASE("a limit is compared before memory is taken because of the size") {
  struct Refused {};
  const std::string large = jpeg(tables + segment(0xc2, "\x08\xff\xdc\xff\xdc\1\1\x11\0"s) + scan);
  const auto refuse = [](const PictureHeader& header) {
    CHECK(header.width == 65500);
    throw Refused{};
  };
  CHECK_THROWS_AS((void)eqsr::detail::JpegWalk(large, "large").read(refuse), Refused);
}

TEST_CASE("markers and segments") {
  CHECK(code_with("") == "none");
  CHECK(code_with("\xff\xff\xff") == "none");  // padding
  CHECK(code_with(segment(0xfe, "")) == "none");
  CHECK(code_with(segment(0xfe, std::string(65533, '?'))) == "none");
  for (const char* marker : {"\x02", "\xbf", "\xd8"})
    CHECK(code_with("\xff"s + marker) == "image_corrupt");
  CHECK(code_with("\xff\xfe\0\0"s) == "image_corrupt");
  CHECK(code_with("\xff\xfe\0\1"s) == "image_corrupt");
  CHECK(code_with("\xff\xfe\xff\xff") == "image_truncated");
  CHECK(code_of(jpeg("")) == "image_corrupt");
  CHECK(code_of(jpeg(frame)) == "image_corrupt");                  // no data
  CHECK(code_of(jpeg(tables + scan + frame)) == "image_corrupt");  // data first
  CHECK(code_of(jpeg(frame + scan)) == "image_corrupt");           // no table of quantisation
  const std::string whole = jpeg(segment(0xfe, "note") + tables + frame + scan);
  for (std::size_t size = 2; size < whole.size() - 2; ++size)
    CHECK(code_of(whole.substr(0, size)) == "image_truncated");
}

TEST_CASE("what costs no sample is a note") {
  const std::string whole = parts.whole(), open = whole.substr(0, whole.size() - 2);
  CHECK(notes_of(whole) == "");
  CHECK(notes_of(open) == "It has no end marker; all its data are there.");
  CHECK(notes_of(open + "\xff") == "It has no end marker; all its data are there.");
  CHECK(notes_of(whole + "tail\xff") == "5 bytes behind the end are ignored.");
  for (const char* stray : {"x", "\xff\xd0", "\xff\xd7", "\xff\1", "\1\2\3"}) {
    INFO(std::string(stray).size());
    const std::string note =
        std::to_string(std::string(stray).size()) + " stray bytes outside of its data are ignored.";
    CHECK(notes_of(open + stray + "\xff\xd9") == note);
    CHECK(notes_of(jpeg(stray + tables + frame + scan)) == note);
    CHECK(notes_of(jpeg(tables + frame + stray + scan)) == note);
  }
  CHECK(notes_of(open + "\xff\0\xff\xd9"s) == "2 stray bytes outside of its data are ignored.");
  CHECK(notes_of(open + segment(0xfe, "note") + "\xff\xd9") == "");
  CHECK(notes_of(open + "\xff\xd8\xff\xd9").find("stray") != std::string::npos);
  CHECK(notes_of(open + "\xff\xfe\xff\xff").find("no end marker") != std::string::npos);
}

TEST_CASE("coded data that end, resynchronise or hold a bad code") {
  JpegParts made;
  made.width = 100;
  for (const std::size_t interval : {0U, 1U, 2U, 3U}) {
    made.interval = interval;
    const std::string head = "\xff\xd8" + made.tables() + made.frame() + made.scan_header();
    const std::string data = made.data();
    CHECK(notes_of(head + data + "\xff\xd9") == "");
    for (std::size_t size = 0; size < data.size(); ++size) {
      INFO(interval, " ", size);
      REQUIRE(code_of(head + data.substr(0, size) + "\xff\xd9") == "image_truncated");
    }
    for (std::size_t at = 0; at + 1 < data.size(); ++at) {
      std::string shorter = data;
      shorter.erase(at, 1);
      INFO(interval, " ", at);
      const std::string code = code_of(head + shorter + "\xff\xd9");
      REQUIRE((code == "image_truncated" || code == "image_corrupt"));
    }
  }
  made.interval = 2;
  const std::string head = "\xff\xd8" + made.tables() + made.frame() + made.scan_header();
  std::string data = made.data();
  const std::size_t marker = data.find("\xff\xd0");
  REQUIRE(marker != std::string::npos);
  std::string filled = data, stray = data, other = data;
  filled.insert(marker, "\xff\xff");
  CHECK(notes_of(head + filled + "\xff\xd9") == "");
  // What the buffer of a decoder holds when it comes upon the marker is dropped.
  for (const std::string& extra : {"s"s, "\xff\0"s, "seven b"s}) {
    const std::string bytes = head + std::string(data).insert(marker, extra) + "\xff\xd9";
    CHECK(notes_of(bytes).find(std::to_string(extra.size()) + " stray bytes") == 0);
    CHECK(eqsr::decode_picture(bytes).image.pixels ==
          eqsr::decode_picture(head + data + "\xff\xd9").image.pixels);
  }
  stray.insert(marker, "eight by");
  CHECK(code_of(head + stray + "\xff\xd9") == "image_corrupt");
  other[marker + 1] = '\xd1';
  CHECK(code_of(head + other + "\xff\xd9") == "image_corrupt");
  // Sixteen ones are no code of any table.
  CHECK(code_of(head + "\xff\0\xff\0\xff\0\xff\0"s + data + "\xff\xd9") == "image_corrupt");
}

TEST_CASE("channels that have a scan each, and one that has none") {
  const JpegParts grey = with("\x11");
  const auto alone = [&](char id, std::size_t blocks) {
    std::string bits;
    for (std::size_t i = 0; i < blocks; ++i) bits += "001010";
    return segment(0xda, "\1"s + id + "\0\0\x3f\0"s) + bytes_of_bits(bits);
  };
  // 40 x 24 pixels: 5 x 3 blocks of brightness, 3 x 2 of each colour.
  CHECK(notes_of(jpeg(tables + frame + alone(1, 15) + alone(2, 6) + alone(3, 6))) == "");
  CHECK(code_of(jpeg(tables + frame + alone(1, 15) + alone(2, 6) + alone(3, 2))) ==
        "image_truncated");
  CHECK(code_of(jpeg(tables + frame + alone(1, 15) + alone(3, 6))) == "image_truncated");
  CHECK(code_of(jpeg(tables + frame + alone(4, 15))) == "image_corrupt");
  CHECK(notes_of("\xff\xd8" + tables + frame + alone(1, 15) + alone(2, 6) + alone(3, 6)) ==
        "It has no end marker; all its data are there.");
  CHECK(code_of("\xff\xd8" + tables + frame + alone(1, 15) + alone(2, 6)) == "image_truncated");
  CHECK(notes_of(grey.whole()) == "");
}

TEST_CASE("channels of one name come in order; others must keep the order of the header") {
  const std::string whole = parts.whole();
  const auto named = [&](const std::string& in_frame, const std::string& in_scan) {
    std::string made = whole;
    for (std::size_t i = 0; i < 3; ++i) {
      made[whole.find(frame) + 10 + 3 * i] = in_frame[i];
      made[whole.find(parts.scan_header()) + 5 + 2 * i] = in_scan[i];
    }
    return made;
  };
  CHECK(notes_of(named("\1\1\1", "\1\1\1")) == "");
  CHECK(notes_of(named("\0\0\0"s, "\0\0\0"s)) == "");
  CHECK(notes_of(named("\x05\x09\x02", "\x05\x09\x02")) == "");
  CHECK(code_of(named("\1\2\3", "\1\3\2")) == "image_corrupt");
  CHECK(code_of(named("\1\2\3", "\1\1\2")) == "image_corrupt");
  CHECK(eqsr::decode_picture(named("\1\1\1", "\1\1\1")).image.pixels ==
        eqsr::decode_picture(whole).image.pixels);
}

TEST_CASE("progressive: bands, bits and runs of ended blocks") {
  JpegParts made = with("\x11", 0xc2);
  made.width = made.height = 16;  // four blocks
  const std::string head = "\xff\xd8" + made.tables() + made.frame() +
                           segment(0xc4, "\0\0\3"s + std::string(14, '\0') + "\0\1\2"s) +
                           segment(0xc4, "\x10\0\3"s + std::string(14, '\0') + "\0\x20\1"s);
  const auto pass = [](const std::string& band, const std::string& bits) {
    return segment(0xda, "\1\1\0"s + band) + bytes_of_bits(bits);
  };
  // DC: size 1 and its bit, three times size 0. AC: 01 is "four blocks at least end", 00 one.
  const std::string dc = pass("\0\0\1"s, "01"s + "1" + "00" + "00" + "00");
  const std::string dc_bit = pass("\0\0\x10"s, "1010");
  const std::string ac = pass("\1\x3f\1"s, "10"s + "1" + "00" + "01" + "00");
  // The first block has one coefficient that is not zero: it gets a bit more, the rest ends.
  const std::string ac_bit = pass("\1\x3f\x10"s, "00"s + "1" + "01" + "00");
  const std::string end = "\xff\xd9";
  CHECK(notes_of(head + dc + dc_bit + ac + ac_bit + end) == "");
  CHECK(notes_of(head + dc + ac + dc_bit + ac_bit) ==
        "It has no end marker; all its data are there.");
  CHECK(code_of(head + dc + ac + dc_bit) == "image_truncated");
  CHECK(notes_of(head + dc + ac + end) ==
        "Its last scans are missing; it is shown as sharp as those before them.");
  CHECK(code_of(head + ac + end) == "image_truncated");  // no DC: nothing to be seen
  // A band of one coefficient, which is not zero: the code leads to the next one.
  CHECK(notes_of(head + dc + ac + pass("\1\1\x10"s, "10"s + "1" + "1" + "00" + "00" + "00") + end)
            .find("beyond its block") != std::string::npos);
  CHECK(code_of(head + dc + pass("\1\x3f\1"s, "10110110") + end) == "image_truncated");
  CHECK(code_of(head + dc + pass("\1\x3f\1"s, "11") + end) == "image_corrupt");
  for (const std::string& band : {"\0\1\0"s, "\2\1\0"s, "\1\x40\0"s, "\1\x3f\x0e"s, "\1\x3f\x20"s})
    CHECK(code_of(head + dc + pass(band, "00") + end) == "image_corrupt");
  CHECK(code_of("\xff\xd8" + made.tables() + made.frame() + dc + end) ==
        "image_corrupt");  // no table
  std::string scans = head;
  for (int i = 0; i < 100; ++i) scans += dc;
  CHECK(code_of(scans + end) == "none");
  CHECK(code_of(scans + dc + end) == "image_limit");
}

TEST_CASE("Huffman tables") {
  const auto code = [](const std::string& counts, std::size_t codes, std::size_t missing = 0) {
    const std::string body = "\3"s + counts + std::string(codes, 'c');
    return code_with(segment(0xc4, body.substr(0, body.size() - missing)));
  };
  const std::string none(16, '\0'), few = "\1"s + std::string(14, '\0') + "\3"s;
  CHECK(code(none, 0) == "none");
  CHECK(code(few, 4) == "none");
  CHECK(code(few, 5) == "image_corrupt");
  CHECK(code(few, 4, 1) == "image_corrupt");
  CHECK(code(few, 4, 5) == "image_corrupt");
  CHECK(code(few, 4, 20) == "image_corrupt");
  CHECK(code("\2"s + std::string(15, '\0'), 2) == "image_corrupt");  // a code of ones alone
  CHECK(code(std::string(16, '\x10'), 256) == "image_corrupt");
  CHECK(code(std::string(15, '\0') + "\xff", 255) == "none");
  CHECK(code(few + "abcd" + "\2" + few, 4) == "none");  // two in a segment
  CHECK(code(few + "abcd" + "\2" + few, 3) == "image_corrupt");
  // The standard tables are those that encoders write.
  const std::string written = eqsr::encode_image("a.jpg", eqsr::blank_image(8, 8));
  for (const auto& kind : eqsr::detail::jpeg_standard_tables)
    for (const std::string_view table : kind) CHECK(written.find(table) != std::string::npos);
}

TEST_CASE("brightness and colour, or RGB") {
  const auto ycbcr = [](const std::string& before, const char* ids = "\1\2\3") {
    std::string whole = parts.whole(before);
    const std::size_t in_frame = whole.find(frame) + 10;
    const std::size_t in_scan = whole.find(parts.scan_header()) + 5;
    for (std::size_t i = 0; i < 3; ++i) {
      whole[in_frame + 3 * i] = ids[i];
      whole[in_scan + 2 * i] = ids[i];
    }
    return walk(whole).ycbcr;
  };
  const std::string jfif = segment(0xe0, "JFIF\0\1\1\0\0\1\0\1\0\0"s);
  const auto adobe = [](char transform) {
    return segment(0xee, "Adobe\0\x64\0\0\0\0"s + transform);
  };
  CHECK(ycbcr(""));
  CHECK_FALSE(ycbcr("", "RGB"));
  CHECK(ycbcr(jfif, "RGB"));
  CHECK_FALSE(ycbcr(adobe(0)));
  CHECK(ycbcr(adobe(1), "RGB"));
  CHECK(ycbcr(jfif + adobe(0)));
}

TEST_CASE("Exif: the first block with its name") {
  const auto exif = [](const std::string& segments) {
    const std::string file = jpeg(segments + tables + frame + scan);
    return std::string(walk(file).exif);
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
    const std::string file = jpeg(segments + tables + frame + scan);
    const PictureHeader header = walk(file);
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
