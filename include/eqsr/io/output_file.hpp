// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>
#include <eqsr/io/file.hpp>  // system_message

#include <fcntl.h>     // open
#include <sys/stat.h>  // fchmod
#include <unistd.h>    // fsync

#include <algorithm>    // min
#include <cerrno>       // errno
#include <cstddef>      // size_t
#include <cstdio>       // rename
#include <cstdlib>      // realpath
#include <memory>       // unique_ptr
#include <string>       // string
#include <string_view>  // string_view
#include <utility>      // exchange

namespace eqsr { inline namespace EQSR_ABI {

/// What becomes of a file that has the name already.
enum class Existing {
  follow,   ///< it is replaced; behind a link, the file that the link leads to
  replace,  ///< it is replaced; of a link, the link itself
  keep      ///< it stays, and nothing is written: `file_exists`
};

/// A file that appears under its name only when it is complete: `write` fills a temporary file in
/// the same directory, `commit` makes it durable and gives it its name. Without `commit` nothing
/// changes.
///
/// Where the file system can, the temporary file has no name until it is complete, so that not even
/// SIGKILL leaves one behind. With `follow` and `keep`, a device or pipe is written to as it is.
class OutputFile {
 public:
  explicit OutputFile(std::string path, Existing existing = Existing::follow)
      : path_(std::move(path)), existing_(existing) {
    if (path_.empty() || path_.find('\0') != std::string::npos) {
      throw Error("bad_argument", "The path of a file to write is empty or contains a zero byte.");
    }
    struct stat before {};
    bool exists = ::stat(path_.c_str(), &before) == 0;
    if (exists && S_ISDIR(before.st_mode) && existing_ != Existing::replace)
      fail("cannot be created", EISDIR);
    if (exists && !S_ISREG(before.st_mode) && existing_ != Existing::replace) {
      open_temporary(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
      if (temporary_.descriptor < 0) fail("cannot be opened", errno);
      return;
    }
    if (existing_ != Existing::follow) {
      exists = ::lstat(path_.c_str(), &before) == 0;
      if (exists && existing_ == Existing::keep) fail_existing();
      if (exists && S_ISDIR(before.st_mode)) fail("cannot be created", EISDIR);
    } else if (exists) {
      const std::unique_ptr<char, void (*)(void*)> real(::realpath(path_.c_str(), nullptr),
                                                        std::free);
      if (real == nullptr) fail("cannot be found", errno);
      path_ = real.get();
    }
    const std::size_t slash = path_.rfind('/');
    folder_ = slash == std::string::npos ? "./" : path_.substr(0, slash + 1);
    open_temporary(folder_.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC);
    if (temporary_.descriptor >= 0 &&
        ::access(own_path().c_str(), F_OK) != 0) {  // could not be named later
      ::close(std::exchange(temporary_.descriptor, -1));
    }
    if (temporary_.descriptor < 0) {
      give_name([&](const char* name) {
        open_temporary(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW);
        return temporary_.descriptor >= 0;
      });
    }
    // The new file is as open to others as the one it replaces; where that cannot be, it is no
    // loss.
    if (exists && S_ISREG(before.st_mode))
      static_cast<void>(::fchmod(temporary_.descriptor, before.st_mode & 07777U));
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* bytes, std::size_t count) {
    const char* from = static_cast<const char*>(bytes);
    while (count > 0) {
      const ::ssize_t put =
          ::write(temporary_.descriptor, from, (std::min)(count, std::size_t{1} << 30));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) fail("cannot be written", put < 0 ? errno : ENOSPC);
      from += put;
      count -= static_cast<std::size_t>(put);
    }
  }

  void commit() {
    const bool direct = folder_.empty();
    if (::fsync(temporary_.descriptor) != 0 && !direct)
      fail("cannot be written to the disk", errno);
    const bool keep = existing_ == Existing::keep && !direct;
    // A link appears only where nothing is, in one step; where there are no links, in two.
    const bool linked = keep && link_to(path_.c_str());
    if (keep && !linked && errno == EEXIST) fail_existing();
    if (!direct && !linked && !temporary_.named)
      give_name([&](const char* name) { return link_to(name); });
    if (::close(std::exchange(temporary_.descriptor, -1)) != 0) {
      const int error = errno;
      if (linked) ::unlink(path_.c_str());
      fail("cannot be closed", error);
    }
    if (direct) return;
    if (!linked) {
      struct stat other {};
      if (keep && ::lstat(path_.c_str(), &other) == 0) fail_existing();
      if (std::rename(temporary_.name.c_str(), path_.c_str()) != 0)
        fail("cannot be renamed", errno);
      temporary_.named = false;
    }
    temporary_.discard();
    // The new name is in the directory; make that durable too. The file itself is complete, so
    // directories that cannot be synced (some network file systems) are no failure.
    const int directory = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
      static_cast<void>(::fsync(directory));
      ::close(directory);
    }
  }

 private:
  /// What is undone when the file is not committed, also when the constructor fails.
  struct Temporary {
    Temporary() = default;
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    ~Temporary() { discard(); }
    void discard() noexcept {
      if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
      if (named) ::unlink(name.c_str());
      named = false;
    }
    std::string name;
    bool named = false;
    int descriptor = -1;
  };

  /// Calls `make` with names beside the path until one is free.
  template <class F>
  void give_name(F&& make) {
    const std::string stem = path_.substr(0, folder_ == "./" ? 200 : folder_.size() + 200);
    for (unsigned attempt = 0; !temporary_.named; ++attempt) {
      temporary_.name = say(stem, ".eqsr-tmp-", static_cast<int>(::getpid()), "-", attempt);
      temporary_.named = make(temporary_.name.c_str());
      if (!temporary_.named && (errno != EEXIST || attempt == 99)) fail("cannot be created", errno);
    }
  }
  /// Opens what becomes the file. Never as 0, 1 or 2, which a program writes its messages to, even
  /// if it was started without them.
  void open_temporary(const char* name, int flags) {
    int& descriptor = temporary_.descriptor;
    descriptor = ::open(name, flags, 0666);
    if (descriptor < 0 || descriptor > STDERR_FILENO) return;
    const int low = std::exchange(descriptor, ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
    const int error = errno;
    ::close(low);
    if (descriptor < 0 && (flags & O_CREAT) != 0) ::unlink(name);
    errno = error;
  }
  /// Gives the temporary file one more name, if nothing has it.
  bool link_to(const char* name) {
    return ::linkat(AT_FDCWD, temporary_.named ? temporary_.name.c_str() : own_path().c_str(),
                    AT_FDCWD, name, temporary_.named ? 0 : AT_SYMLINK_FOLLOW) == 0;
  }
  [[nodiscard]] std::string own_path() const {
    return "/proc/self/fd/" + std::to_string(temporary_.descriptor);
  }

  [[noreturn]] void fail(std::string_view what, int error, const char* code = "io_error") {
    const std::string sentence =
        say(detail::in_quotes(path_), ": The file ", what, ": ", detail::system_message(error),
            ". What was there before is unchanged.");
    temporary_.discard();
    throw Error(code, sentence);
  }
  [[noreturn]] void fail_existing() { fail("is not written", EEXIST, "file_exists"); }

  std::string path_;
  Existing existing_;
  std::string folder_;  // empty when written to directly
  Temporary temporary_;
};

}}  // namespace eqsr::EQSR_ABI
