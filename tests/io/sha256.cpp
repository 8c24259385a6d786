// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <eqsr/eqsr.hpp>

#include "support/module.hpp"

namespace {
using eqsr::detail::Sha256;

/// The digest of bytes that come in pieces of `piece` bytes.
std::string digest(const std::string& bytes, std::size_t piece = 1 << 20) {
  Sha256 hash;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    hash.add(bytes.data() + at, std::min(piece, bytes.size() - at));
  return hash.finish();
}
}  // namespace

TEST_CASE("SHA-256: the vectors of FIPS 180") {
  CHECK(digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(digest(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/// The digest of the digests of 0 to 199 letters x, from Python's hashlib: every way in which the
/// padding can fall, and pieces that straddle blocks.
TEST_CASE("SHA-256: every length, in pieces of every size") {
  for (const std::size_t piece : {1U, 3U, 63U, 64U, 65U, 200U}) {
    std::string all;
    for (std::size_t n = 0; n < 200; ++n) all += digest(std::string(n, 'x'), piece);
    CHECK(digest(all, piece) == "f61ffcc417e1f0e59eba2da7fa32fbe05b64e478b68c6bacf990455f00248b98");
  }
}

TEST_CASE("SHA-256: a weight file is compared with what was published") {
  const std::string path = EQSR_TEST_DATA "/checkpoints/older_stream.safetensors";
  const auto open = [&](const std::string& expected) {
    return eqsr_test::error_of(
        [&] { (void)eqsr::StateDict::open(path, eqsr::Limits{.sha256 = expected}); });
  };
  const eqsr::detail::InputFile file(path);
  std::string right = digest(file.read_some(0, file.size()));
  CHECK(open(right) == "no error");
  for (char& c : right) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 32) : c;
  CHECK(open(right) == "no error");  // upper case
  std::string wrong = right;
  wrong[10] = wrong[10] == '0' ? '1' : '0';
  CHECK(open(wrong).starts_with("checksum_mismatch: "));
  CHECK(open("1234").starts_with("bad_argument: "));
  CHECK(open(std::string(64, 'g')).starts_with("bad_argument: "));
}
