// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>
#include <eqsr/core/function_ref.hpp>  // FunctionRef
#include <eqsr/core/system.hpp>        // create, rename_over
#include <eqsr/io/file.hpp>            // system_message

#include <algorithm>    // min
#include <cerrno>       // errno
#include <cstddef>      // size_t
#include <cstdint>      // int64_t
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
  [[gnu::cold]] explicit OutputFile(std::string path, Existing existing = Existing::follow)
      : path_(std::move(path)), existing_(existing) {
    if (path_.empty() || path_.find('\0') != std::string::npos) {
      throw Error("bad_argument", "The path of a file to write is empty or contains a zero byte.");
    }
    detail::system::Status before;
    bool exists = detail::system::get_status(path_, before);
    if (exists && before.is_folder() && existing_ != Existing::replace)
      fail("cannot be created", EISDIR);
    if (exists && !before.is_file() && existing_ != Existing::replace) {
      temporary_.descriptor = detail::system::open_device(path_);
      if (temporary_.descriptor < 0) fail("cannot be opened", errno);
      return;
    }
    if (existing_ != Existing::follow) {
      exists = detail::system::get_status_of_link(path_, before);
      if (exists && existing_ == Existing::keep) fail_existing();
      if (exists && before.is_folder()) fail("cannot be created", EISDIR);
    } else if (exists) {
      std::string real = detail::system::resolved(path_);
      if (real.empty()) fail("cannot be found", errno);
      path_ = std::move(real);
    }
    const std::size_t name = detail::system::name_begin(path_);
    folder_ = name == 0 ? "./" : path_.substr(0, name);
    temporary_.descriptor = detail::system::create_nameless(folder_);
    if (temporary_.descriptor < 0) {
      give_name([&](const std::string& free) {
        temporary_.descriptor = detail::system::create(free);
        return temporary_.descriptor >= 0;
      });
    }
    // The new file is as open to others as the one it replaces; where that cannot be, it is no
    // loss.
    if (exists && before.is_file())
      detail::system::set_permissions(temporary_.descriptor, before.permissions);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const void* bytes, std::size_t count) {
    const char* from = static_cast<const char*>(bytes);
    while (count > 0) {
      constexpr std::size_t most = std::size_t{1} << 30;
      const std::int64_t put =
          detail::system::write(temporary_.descriptor, from, (std::min)(count, most));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) fail("cannot be written", put < 0 ? errno : ENOSPC);
      from += put;
      count -= static_cast<std::size_t>(put);
    }
  }

  [[gnu::cold]] void commit() {
    const bool direct = folder_.empty();
    if (!detail::system::synchronise(temporary_.descriptor) && !direct)
      fail("cannot be written to the disk", errno);
    // A file without a name gets one before it is closed, a file with one is renamed after it. With
    // `keep` the name appears only where nothing is, in one step; where there are no links, in two.
    const bool keep = existing_ == Existing::keep && !direct;
    bool done = false;
    if (!direct && !temporary_.named) {
      done = keep && link_to(path_);
      if (!done) give_name([&](const std::string& free) { return link_to(free); });
    }
    if (!detail::system::close(std::exchange(temporary_.descriptor, -1))) {
      const int error = errno;
      if (done) detail::system::remove(path_);
      fail("cannot be closed", error);
    }
    if (direct) return;
    if (!done && keep) done = link_to(path_);
    if (!done) {
      detail::system::Status other;
      if (keep && detail::system::get_status_of_link(path_, other)) fail_existing();
      if (!detail::system::rename_over(temporary_.name, path_)) fail("cannot be renamed", errno);
      temporary_.named = false;
    }
    temporary_.discard();
    // The new name is in the directory; make that durable too. The file itself is complete, so
    // directories that cannot be synced (some network file systems) are no failure.
    detail::system::synchronise_folder(folder_);
  }

 private:
  /// What is undone when the file is not committed, also when the constructor fails.
  struct Temporary {
    Temporary() = default;
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    ~Temporary() { discard(); }
    void discard() noexcept {
      if (descriptor >= 0) detail::system::close(std::exchange(descriptor, -1));
      if (named) detail::system::remove(name);
      named = false;
    }
    std::string name;
    bool named = false;
    int descriptor = -1;
  };

  /// Calls `make` with names beside the path until one is free.
  [[gnu::cold]] void give_name(FunctionRef<bool(const std::string&)> make) {
    const std::string stem = path_.substr(0, folder_ == "./" ? 200 : folder_.size() + 200);
    for (unsigned attempt = 0; !temporary_.named; ++attempt) {
      temporary_.name = say(stem, ".eqsr-tmp-", detail::system::process_id(), "-", attempt);
      temporary_.named = make(temporary_.name);
      if (!temporary_.named && (errno != EEXIST || attempt == 99)) fail("cannot be created", errno);
    }
  }
  /// Gives the temporary file one more name, if nothing has it.
  [[gnu::cold]] bool link_to(const std::string& name) {
    const std::string named = temporary_.named ? temporary_.name : std::string();
    if (detail::system::link(temporary_.descriptor, named, name)) return true;
    if (errno == EEXIST && name == path_) fail_existing();
    return false;
  }

  [[noreturn, gnu::cold]] void fail(std::string_view what, int error,
                                    const char* code = "io_error") {
    const std::string sentence =
        say(in_quotes(path_), ": The file ", what, ": ", detail::system_message(error),
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
