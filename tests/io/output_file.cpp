// SPDX-License-Identifier: Apache-2.0
// Files that are written: what becomes of what has the name already, and descriptors 0 to 2.
#include <doctest/doctest.h>

#include <eqsr/io/output_file.hpp>

#include <filesystem>

#include "builder.hpp"

using eqsr::Existing;
using eqsr_test::code_of;
using eqsr_test::put;
using eqsr_test::read_file;
using eqsr_test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

std::size_t files_in(const TemporaryFolder& folder) {
  const fs::directory_iterator all(folder.path(""));
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("a file that is there is followed, replaced or kept") {
  const TemporaryFolder folder;
  const std::string file = folder.write("file", "old");
  fs::create_directory(folder.path("sub"));
  CHECK(code_of([&] { put(file, Existing::keep); }) == "file_exists");
  CHECK(read_file(file) == "old");
  for (const Existing existing : {Existing::follow, Existing::replace, Existing::keep})
    CHECK(code_of([&] { put(folder.path("sub"), existing); }) == "io_error");
  CHECK(fs::is_directory(folder.path("sub")));
  for (const Existing existing : {Existing::follow, Existing::replace}) {
    static_cast<void>(folder.write("file", "old"));
    put(file, existing);
    CHECK(read_file(file) == "new");
  }
  CHECK(files_in(folder) == 2);
}

TEST_CASE("a file that appears while another is written is kept") {
  const TemporaryFolder folder;
  const std::string path = folder.path("file");
  eqsr::OutputFile file(path, Existing::keep);
  file.write("new", 3);
  CHECK(folder.write("file", "theirs") == path);
  CHECK(code_of([&] { file.commit(); }) == "file_exists");
  CHECK(read_file(path) == "theirs");
  CHECK(files_in(folder) == 1);
}
