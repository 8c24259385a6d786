// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>

/// What the tools ask the operating system for beside the standard library.
namespace tool {

/// The first line of every program. Where the descriptors 0, 1 and 2 are closed, the next files
/// opened would take their numbers, and messages would go into a picture. Each is opened the wrong
/// way round, so that reading or writing there is still an error.
inline void open_standard_descriptors() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(number, F_GETFD) < 0)  // then it is the lowest that is free
      static_cast<void>(::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY));
}

inline bool can_write_to_standard_output() {
  const int flags = ::fcntl(STDOUT_FILENO, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

/// Whether frames that are written come back as frames to read.
inline bool standard_output_is_standard_input() {
  struct stat in {
  }, out{};
  return ::fstat(STDIN_FILENO, &in) == 0 && ::fstat(STDOUT_FILENO, &out) == 0 &&
         S_ISREG(in.st_mode) && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

/// What a file is, by whatever name: a link has the identity of what it leads to.
struct FileIdentity {
  std::uint64_t device = 0, number = 0;
  auto operator<=>(const FileIdentity&) const = default;
};

inline std::optional<FileIdentity> identity_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return FileIdentity{status.st_dev, status.st_ino};
}

/// Whether a file is what this standard descriptor leads to.
inline bool is_standard(const std::filesystem::path& path, int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 &&
         identity_of(path) == FileIdentity{status.st_dev, status.st_ino};
}

}  // namespace tool
