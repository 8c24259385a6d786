// SPDX-License-Identifier: Apache-2.0
// What only POSIX has: links, pipes, sockets, devices, limits, and the descriptors 0 to 2.
#include <doctest/doctest.h>

#include <eqsr/io/output_file.hpp>
#include <eqsr/io/weights/safetensors.hpp>

#include <sys/resource.h>  // setrlimit
#include <sys/socket.h>    // socket
#include <sys/stat.h>      // mkfifo
#include <sys/un.h>        // sockaddr_un
#include <unistd.h>        // dup, geteuid

#include <csignal>  // signal
#include <cstring>  // strncpy
#include <filesystem>

#include "builder.hpp"

using eqsr::Existing;
using eqsr_test::code_of;
using eqsr_test::path_code;
using eqsr_test::put;
using eqsr_test::read_file;
using eqsr_test::TemporaryFolder;
namespace fs = std::filesystem;

TEST_CASE("a link is followed, replaced or kept") {
  const TemporaryFolder folder;
  const std::string file = folder.write("file", "old"), link = folder.path("link");
  fs::create_symlink("file", link);
  fs::create_symlink("nowhere", folder.path("dead"));

  for (const std::string& path : {link, folder.path("dead")}) {
    CHECK(code_of([&] { put(path, Existing::keep); }) == "file_exists");
    CHECK(read_file(file) == "old");
  }

  put(link, Existing::replace);
  CHECK(read_file(file) == "old");
  CHECK(read_file(link) == "new");
  CHECK_FALSE(fs::is_symlink(link));
  fs::remove(link);
  fs::create_symlink("file", link);
  put(link, Existing::follow);
  CHECK(read_file(file) == "new");
  CHECK(fs::is_symlink(link));
  CHECK(std::distance(fs::directory_iterator(folder.path("")), {}) == 3);
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

TEST_CASE("weights in what is no plain file are refused at once") {
  const TemporaryFolder folder;
  CHECK(path_code("/dev/zero") == "not_regular_file");
  const std::string pipe = folder.path("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(path_code(pipe) == "not_regular_file");
  const std::string name = folder.path("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, name.c_str(), sizeof address.sun_path - 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(path_code(name) == "not_regular_file");
  ::close(socket);
  const std::string secret = folder.write("secret", std::string(600, 'x'));
  std::filesystem::permissions(secret, std::filesystem::perms::none);
  if (::geteuid() != 0) CHECK(path_code(secret) == "io_error");
}

TEST_CASE("a full disk leaves the old file") {
  eqsr::StateDict dict;
  dict.insert("w", {1000}, std::vector<float>(1000));
  const TemporaryFolder folder;
  const std::string path = folder.write("w", "old");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1024, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string code = code_of([&] { eqsr::write_safetensors(path, dict); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(code == "io_error");
  CHECK(read_file(path) == "old");
  const auto left = std::filesystem::directory_iterator(folder.path(""));
  CHECK(std::distance(begin(left), end(left)) == 1);
}
