// SPDX-License-Identifier: Apache-2.0
// Row names (E1 ... E19) are those of the table of bad inputs in docs/reliability.md.
#include "builder.hpp"

#include <doctest/doctest.h>

using namespace eqsr_test;
namespace p = eqsr_test::pickle;

namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

const std::string data_pkl =
    p::whole(p::dict(p::text("w") + p::tensor(p::storage("0", 2), 0, {2}, {1})));
const std::string two = floats({1.5F, -2.0F});

Items items() { return {{"m/data.pkl", data_pkl}, {"m/data/0", two}, {"m/version", "3\n"}}; }
Items with(const std::string& name, const std::string& data) {
  Items all = items();
  all.emplace_back(name, data);
  return all;
}
/// The code for the sound archive after `damage`.
template <class Damage>
std::string damaged(Damage&& damage) {
  Zip z = zip(items());
  damage(z);
  return open_code(z.bytes);
}

std::string field(unsigned id, const std::string& data) {
  return little(static_cast<std::uint16_t>(id)) + little(static_cast<std::uint16_t>(data.size())) +
         data;
}
/// The bytes of extra fields for an entry of `size` bytes at `header`.
using Extra = std::string (*)(std::uint64_t size, std::uint64_t header);

/// The archive whose records leave sizes and offsets to extra fields, and whose entries have
/// comments.
std::string extended(Extra local, Extra central) {
  std::string bytes, directory;
  const std::string ones(4, '\xFF');
  for (const auto& [name, data] : items()) {
    const auto u16 = [](std::size_t v) { return little(static_cast<std::uint16_t>(v)); };
    const std::size_t header = bytes.size();
    const std::string start = little(std::uint32_t{0x0800}) + little(std::uint32_t{0}) +
                              little(eqsr::detail::crc32(data.data(), data.size())) + ones + ones +
                              u16(name.size());
    const std::string inside = local(data.size(), header), outside = central(data.size(), header);
    bytes += "PK\x03\x04" + u16(45) + start + u16(inside.size()) + name + inside + data;
    directory += "PK\x01\x02" + u16(45) + u16(45) + start + u16(outside.size()) + u16(4) + u16(0) +
                 u16(0) + little(std::uint32_t{0}) + ones + name + outside + "note";
  }
  const std::size_t at = bytes.size();
  return bytes + directory + "PK\x05\x06" + little(std::uint32_t{0}) +
         little(std::uint32_t{0x30003}) + little(static_cast<std::uint32_t>(directory.size())) +
         little(static_cast<std::uint32_t>(at)) + little(std::uint16_t{0});
}
std::string sizes(std::uint64_t size, std::uint64_t) {
  return field(1, little(size) + little(size));
}
std::string sizes_and_offset(std::uint64_t size, std::uint64_t header) {
  return field(0x5455, "time!") + field(1, little(size) + little(size) + little(header));
}

}  // namespace

TEST_CASE("sound archives") {
  CHECK(open_bytes(zip(items()).bytes).at("w").to_float() == std::vector<float>{1.5F, -2.0F});
  CHECK(open_bytes(zip(items(), false).bytes).size() == 1);  // sizes in the local headers
  CHECK(open_bytes(zip(with("m/byteorder", "little")).bytes).size() == 1);
  CHECK(open_bytes(zip(with("m/.data/serialization_id", "12")).bytes).size() == 1);
  Zip z = zip(items());
  z.bytes.erase(z.end64, z.end - z.end64);  // without the 64-bit records
  CHECK(open_bytes(z.bytes).size() == 1);
  z = zip(items());
  patch(z.bytes, z.end + 8, std::uint32_t{0xFFFFFFFF});  // the 64-bit records alone
  patch(z.bytes, z.end + 12, ~std::uint64_t{0});
  CHECK(open_bytes(z.bytes).size() == 1);
}

TEST_CASE("E2-E6: the end of the archive") {
  const std::string good = zip(items()).bytes;
  const std::string end = good.substr(good.size() - 22);
  CHECK(open_code(good + end) == "ambiguous_archive");  // E2
  std::string commented = good + end;
  patch(commented, good.size() - 2, std::uint16_t{22});
  CHECK(open_code(commented) == "ambiguous_archive");
  commented = good + "note";
  patch(commented, good.size() - 2, std::uint16_t{4});
  CHECK(open_code(commented) == "ambiguous_archive");
  CHECK(open_code("#!/bin/sh\n" + good) == "prefixed_archive");  // E3
  CHECK(open_code("PK\x03\x04" + good) != "none");
  CHECK(open_code(good + "x") == "trailing_data");  // E4
  CHECK(open_code(good + std::string(100'000, '\0')) == "trailing_data");
  CHECK(damaged([](Zip& z) { patch(z.bytes, z.locator + 8, ~std::uint64_t{0}); }) == "bad_zip64");
  CHECK(damaged([](Zip& z) { patch(z.bytes, z.locator + 8, std::uint64_t{0}); }) == "bad_zip64");
  CHECK(damaged([](Zip& z) { patch(z.bytes, z.end64 + 32, std::uint64_t{2}); }) == "bad_zip64");
  CHECK(damaged([](Zip& z) {
          patch(z.bytes, z.end + 16, std::uint32_t{0xFFFFFFFF});
          patch(z.bytes, z.locator, std::uint32_t{0});
        }) == "bad_zip64");
  const auto count = [](std::uint64_t n) {
    return damaged([n](Zip& z) {
      patch(z.bytes, z.end + 8, std::uint32_t{0xFFFFFFFF});
      patch(z.bytes, z.end64 + 24, n);
      patch(z.bytes, z.end64 + 32, n);
    });
  };
  CHECK(count(3) == "none");
  CHECK(count(std::uint64_t{1} << 32U) == "too_many_entries");  // E6
  CHECK(count(2) == "bad_central");
  CHECK(count(4) == "bad_central");
  CHECK(damaged([](Zip& z) { patch(z.bytes, z.central[1], std::uint32_t{0}); }) == "bad_central");
}

TEST_CASE("E7-E15: entries") {
  CHECK(open_code(zip(with("m/data/0", two)).bytes) == "duplicate_entry");  // E7
  CHECK(damaged([](Zip& z) {  // E8: onto another entry, into its data, onto the directory
          patch(z.bytes, z.central[1] + 42, static_cast<std::uint32_t>(z.local[0]));
        }) == "overlap");
  CHECK(damaged([](Zip& z) {
          patch(z.bytes, z.central[1] + 42, static_cast<std::uint32_t>(z.data[0] + 8));
        }) == "overlap");
  CHECK(damaged([](Zip& z) {
          patch(z.bytes, z.central[2] + 42, static_cast<std::uint32_t>(z.directory - 4));
        }) == "overlap");
  CHECK(damaged([](Zip& z) {  // sizes that reach into the directory
          patch(z.bytes, z.central[2] + 20, std::uint32_t{60});
          patch(z.bytes, z.central[2] + 24, std::uint32_t{60});
        }) == "overlap");
  CHECK(damaged([](Zip& z) { z.bytes[z.local[1] + 30] = 'n'; }) == "header_mismatch");  // E9
  CHECK(damaged([](Zip& z) { patch(z.bytes, z.local[1] + 8, std::uint16_t{8}); }) ==
        "header_mismatch");
  CHECK(damaged([](Zip& z) { patch(z.bytes, z.local[1] + 22, std::uint32_t{9}); }) ==
        "header_mismatch");  // E10
  CHECK(damaged([](Zip& z) { patch(z.bytes, z.local[1] + 14, std::uint32_t{9}); }) ==
        "header_mismatch");
  for (const int method : {8, 99, 12, 14, 93}) {  // E11, E12
    CHECK(damaged([&](Zip& z) {
            patch(z.bytes, z.local[1] + 8, static_cast<std::uint16_t>(method));
            patch(z.bytes, z.central[1] + 10, static_cast<std::uint16_t>(method));
          }) == "unsupported_compression");
  }
  CHECK(damaged([](Zip& z) { patch(z.bytes, z.central[1] + 20, std::uint32_t{7}); }) ==
        "header_mismatch");                                    // E13
  for (const unsigned flag : {0x1U, 0x20U, 0x40U, 0x2000U}) {  // E14
    CHECK(damaged([&](Zip& z) {
            patch(z.bytes, z.central[1] + 8, static_cast<std::uint16_t>(0x808U | flag));
          }) == "unsupported_flag");
  }
  const auto size = [](std::uint32_t n) {
    return damaged([n](Zip& z) {
      patch(z.bytes, z.central[1] + 20, n);
      patch(z.bytes, z.central[1] + 24, n);
    });
  };
  CHECK(size(0xFFFFFFFE) == "out_of_range");  // E15
  CHECK(size(0xFFFFFFFF) == "bad_zip64");
  CHECK(damaged([](Zip& z) { patch(z.bytes, z.central[1] + 42, std::uint32_t{0xFFFFFFF0}); }) ==
        "out_of_range");
}

TEST_CASE("sizes and offsets in extra fields") {
  const auto dict = open_bytes(extended(sizes, sizes_and_offset));
  CHECK(dict.at("w").to_float() == std::vector<float>{1.5F, -2.0F});
  const auto behind = [](std::uint64_t size, std::uint64_t header) {
    return sizes_and_offset(size, header) + field(7, "");
  };
  CHECK(open_code(extended(sizes_and_offset, behind)) == "none");
  const auto none = [](std::uint64_t, std::uint64_t) { return std::string(); };
  const auto short_of = [](std::uint64_t size, std::uint64_t) {
    return field(1, little(size) + little(size) + "1234567");
  };
  const auto other = [](std::uint64_t size, std::uint64_t header) {
    return field(2, sizes_and_offset(size, header).substr(13));
  };
  const auto cut = [](std::uint64_t size, std::uint64_t header) {
    const std::string whole = sizes_and_offset(size, header);
    return whole.substr(0, whole.size() - 1);
  };
  for (const Extra bad : {Extra{none}, Extra{sizes}, Extra{short_of}, Extra{other}, Extra{cut}})
    CHECK(open_code(extended(sizes, bad)) == "bad_zip64");
  for (const Extra bad : {Extra{none}, Extra{other}, Extra{cut}})
    CHECK(open_code(extended(bad, sizes_and_offset)) == "bad_zip64");
  const auto larger = [](std::uint64_t size, std::uint64_t) {
    return field(1, little(size + 1) + little(size));
  };
  const auto packed = [](std::uint64_t size, std::uint64_t) {
    return field(1, little(size) + little(size + 1));
  };
  CHECK(open_code(extended(larger, sizes_and_offset)) == "header_mismatch");
  CHECK(open_code(extended(packed, sizes_and_offset)) == "header_mismatch");
  const auto wrapping = [](std::uint64_t size, std::uint64_t) {
    return field(1, little(size) + little(size) + little(~std::uint64_t{0} - 8));
  };
  CHECK(open_code(extended(sizes, wrapping)) == "out_of_range");
  std::string long_comment = extended(sizes, sizes_and_offset);
  const std::size_t third = long_comment.rfind("PK\x01\x02");
  patch(long_comment, third + 32, std::uint16_t{5});
  CHECK(open_code(long_comment) == "bad_central");
  patch(long_comment, third + 32, std::uint16_t{3});
  CHECK(open_code(long_comment) == "bad_central");
}

TEST_CASE("each field of a record counts") {
  struct Row {
    std::size_t Zip::*record;
    std::size_t at, bytes;
    const char* code;
  };
  // One is added to the first byte of the field.
  const Row rows[] = {
      {&Zip::end, 4, 2, "bad_central"},     {&Zip::end, 6, 2, "bad_central"},
      {&Zip::end, 8, 2, "bad_central"},     {&Zip::end, 10, 2, "bad_central"},
      {&Zip::end, 12, 4, "bad_zip64"},      {&Zip::end, 16, 4, "bad_zip64"},
      {&Zip::end64, 0, 4, "bad_zip64"},     {&Zip::end64, 4, 8, "bad_zip64"},
      {&Zip::end64, 16, 4, "bad_zip64"},    {&Zip::end64, 20, 4, "bad_zip64"},
      {&Zip::end64, 24, 8, "bad_zip64"},    {&Zip::end64, 32, 8, "bad_zip64"},
      {&Zip::end64, 40, 8, "bad_zip64"},    {&Zip::end64, 48, 8, "bad_zip64"},
      {&Zip::locator, 4, 4, "bad_zip64"},   {&Zip::locator, 8, 8, "bad_zip64"},
      {&Zip::locator, 16, 4, "bad_zip64"},  {&Zip::directory, 34, 2, "bad_central"},
      {&Zip::directory, 30, 2, "bad_name"}, {&Zip::directory, 28, 2, "header_mismatch"},
  };
  for (const Row& row : rows) {
    for (std::size_t byte = 0; byte < row.bytes; ++byte) {
      INFO(row.code, " ", row.at, " ", byte);
      const std::string code = damaged([&](Zip& z) { ++z.bytes[z.*row.record + row.at + byte]; });
      // Names and extra fields that are longer only move what follows; how that shows, varies.
      const bool moves = row.record == &Zip::directory && row.at < 34;
      CHECK((moves ? code != "none" : code == row.code));
    }
  }
  // The same for a local header; what is behind the flags is a date and is not compared.
  for (const std::size_t at :
       {0U, 1U, 2U, 3U, 6U, 7U, 8U, 9U, 14U, 17U, 18U, 21U, 22U, 25U, 26U, 27U, 30U}) {
    Zip z = zip(items(), false);
    ++z.bytes[z.local[1] + at];
    INFO(at);
    CHECK(open_code(z.bytes) == "header_mismatch");
  }
  Zip z = zip(items(), false);
  patch(z.bytes, z.local[1] + 28, std::uint16_t{0xFFFF});
  CHECK(open_code(z.bytes) == "overlap");
  patch(z.bytes, z.local[1] + 28, std::uint16_t{10});  // one byte into the next entry
  CHECK(open_code(z.bytes) == "overlap");
  for (const std::size_t at : {14U, 18U, 22U}) {  // sizes that are partly there
    Zip deferred = zip(items());
    patch(deferred.bytes, deferred.local[1] + at, std::uint32_t{8});
    CHECK(open_code(deferred.bytes) == "header_mismatch");
  }
  // A field of all ones needs the 64-bit records.
  for (const auto& [at, size] : {std::pair{10, 2}, {12, 4}, {16, 4}}) {
    Zip bare = zip(items());
    bare.bytes.erase(bare.end64, bare.end - bare.end64);
    const std::size_t end = bare.bytes.size() - 22;
    bare.bytes.replace(end + static_cast<std::size_t>(at), static_cast<std::size_t>(size),
                       static_cast<std::size_t>(size), '\xFF');
    if (at == 10) patch(bare.bytes, end + 8, std::uint16_t{0xFFFF});
    CHECK(open_code(bare.bytes) == "bad_zip64");
  }
}

TEST_CASE("limits are what may just be reached") {
  const Zip z = zip(items());
  eqsr::Limits limits;
  limits.max_tensors = 3;
  CHECK(open_code(z.bytes, limits) == "none");
  limits.max_tensors = 2;
  CHECK(open_code(z.bytes, limits) == "too_many_entries");
  limits = {};
  limits.max_header_bytes = z.end64 - z.directory;
  CHECK(open_code(z.bytes, limits) == "none");
  --limits.max_header_bytes;
  CHECK(open_code(z.bytes, limits) == "limit_exceeded");
  limits = {};
  limits.max_pickle_bytes = data_pkl.size();
  CHECK(open_code(z.bytes, limits) == "none");
}

TEST_CASE("the end is found wherever it lies in the blocks that are searched") {
  const std::size_t bare = zip(with("m/x", "")).end;
  for (std::size_t end = 4080; end < 4104; ++end) {
    const Zip z = zip(with("m/x", std::string(end - bare, 'x')));
    REQUIRE(z.end == end);
    CHECK(open_code(z.bytes + "y") == "trailing_data");
    CHECK(open_code(z.bytes.substr(0, z.bytes.size() - 1)) == "truncated");
  }
  Zip z = zip(items());
  z.bytes.insert(z.end, z.bytes.substr(z.end));  // two ends, and no 64-bit records in between
  CHECK(open_code(z.bytes) != "none");
  Zip short_end = zip(items());
  short_end.bytes.erase(short_end.end64, short_end.end - short_end.end64);
  const std::string end = short_end.bytes.substr(short_end.bytes.size() - 22);
  CHECK(open_code(short_end.bytes + end) == "ambiguous_archive");
  CHECK(open_code(short_end.bytes.substr(0, short_end.bytes.size() - 22) + "gap" + end) ==
        "bad_central");
}

TEST_CASE("names of entries") {
  for (const char* name : {"..", ".", "m/.", "m/..", "/", "a:", "m//", "m/a\\b"}) {
    INFO(name);
    CHECK(open_code(zip(with(name, "x")).bytes) == "bad_name");
  }
  for (const char* name : {"m/", "m/...", "m/.a", "m/a:b", "m/a..", "m/a/b/c"}) {
    INFO(name);
    CHECK(open_code(zip(with(name, "x")).bytes) == "none");
  }
}

TEST_CASE("E16-E19: contents") {
  Zip z = zip(items());
  z.bytes[z.data[1]] = '\x7F';
  CHECK(open_code(z.bytes) == "crc_mismatch");  // E16
  eqsr::Limits lenient;
  lenient.check_crc = false;
  CHECK(open_code(z.bytes, lenient) == "none");
  z = zip(items());
  patch(z.bytes, z.central[0] + 16, std::uint32_t{1});
  CHECK(open_code(z.bytes) == "crc_mismatch");
  for (const char* name :
       {"../x", "/x", "C:\\x", "C:/x", "m/../x", "m//x", "m/\xFF", "./x", "m\\x"}) {
    INFO(name);
    CHECK(open_code(zip(with(name, "x")).bytes) == "bad_name");  // E17
  }
  CHECK(open_code(zip(with(std::string("m/\0x", 4), "x")).bytes) == "bad_name");
  CHECK(open_code(zip(with("", "x")).bytes) == "bad_name");
  CHECK(open_code(zip({{"m/version", "3\n"}}).bytes) == "missing_entry");  // E18
  CHECK(open_code(zip({}).bytes) == "missing_entry");
  CHECK(open_code(zip(with("n/data.pkl", data_pkl)).bytes) == "ambiguous_archive");
  CHECK(open_code(zip(with("n/other", "x")).bytes) == "ambiguous_archive");
  eqsr::Limits small;
  small.max_pickle_bytes = data_pkl.size() - 1;
  CHECK(open_code(zip(items()).bytes, small) == "limit_exceeded");
  for (const char* order : {"big", "", "little\n", "middle"}) {
    CHECK(open_code(zip(with("m/byteorder", order)).bytes) == "unsupported_byteorder");  // E19
  }
  CHECK(open_code(zip(with("m/constants.pkl", "x")).bytes) == "unsupported_container");  // A6
  CHECK(open_code(zip(with("m/code/__torch__.py", "x")).bytes) == "unsupported_container");
}

TEST_CASE("E1: every prefix is refused, every bit flip refused or harmless") {
  const std::string bytes = zip(items()).bytes;
  for (std::size_t n = 8; n < bytes.size(); ++n) {
    const std::string code = open_code(bytes.substr(0, n));
    INFO(n, " ", code);
    REQUIRE((code == "truncated" || code == "bad_zip"));
  }
  sweep(bytes, [](bool sound, const char* kind, std::size_t at) {
    INFO(kind, " ", at);
    REQUIRE(sound);
  });
}
