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
