// SPDX-License-Identifier: Apache-2.0
// Files that are written: what becomes of what has the name already, and descriptors 0 to 2.
#include <doctest/doctest.h>

#include <eqsr/io/output_file.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "builder.hpp"

using eqsr::Existing;
using eqsr_test::code_of;
using eqsr_test::read_file;
using eqsr_test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

void put(const std::string& path, Existing existing) {
  eqsr::OutputFile file(path, existing);
  file.write("new", 3);
  file.commit();
}

std::size_t files_in(const TemporaryFolder& folder) {
  const fs::directory_iterator all(folder.path(""));
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("a file that is there is followed, replaced or kept") {
  const TemporaryFolder folder;
  const std::string file = folder.write("file", "old"), link = folder.path("link");
  fs::create_symlink("file", link);
  fs::create_symlink("nowhere", folder.path("dead"));
  fs::create_directory(folder.path("sub"));

  for (const std::string& path : {file, link, folder.path("dead")}) {
    CHECK(code_of([&] { put(path, Existing::keep); }) == "file_exists");
    CHECK(read_file(file) == "old");
  }
  for (const Existing existing : {Existing::follow, Existing::replace, Existing::keep})
    CHECK(code_of([&] { put(folder.path("sub"), existing); }) == "io_error");
  CHECK(fs::is_directory(folder.path("sub")));

  put(link, Existing::replace);
  CHECK(read_file(file) == "old");
  CHECK(read_file(link) == "new");
  CHECK_FALSE(fs::is_symlink(link));
  fs::remove(link);
  fs::create_symlink("file", link);
  put(link, Existing::follow);
  CHECK(read_file(file) == "new");
  CHECK(fs::is_symlink(link));
  CHECK(files_in(folder) == 4);
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

TEST_CASE("a pipe or device is written to, but for a result of its own") {
  put("/dev/null", Existing::follow);
  put("/dev/null", Existing::keep);
  const TemporaryFolder folder;
  const std::string pipe = folder.path("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  put(pipe, Existing::replace);
  CHECK(read_file(pipe) == "new");
}

TEST_CASE("a file never takes the place of the standard descriptors") {
  const TemporaryFolder folder;
  for (const int number : {0, 1, 2}) {
    const int kept = ::dup(number);
    ::close(number);
    {
      eqsr::OutputFile file(folder.path(std::to_string(number)));
      file.write("new", 3);
      CHECK(::write(number, "message", 7) < 0);
      file.commit();
    }
    ::dup2(kept, number);
    ::close(kept);
    CHECK(read_file(folder.path(std::to_string(number))) == "new");
  }
}
