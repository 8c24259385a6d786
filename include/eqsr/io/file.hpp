// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Files to read: calls within the size found when the file was opened, never a mapping, so that a
/// file that shrinks meanwhile is an error, not a signal.

#include <eqsr/core/check.hpp>
#include <eqsr/core/system.hpp>  // Status, open_to_read
#include <eqsr/io/bytes.hpp>

#include <algorithm>     // min
#include <cerrno>        // errno
#include <cstddef>       // size_t
#include <cstdint>       // uint64_t
#include <functional>    // function
#include <limits>        // numeric_limits
#include <string>        // string
#include <string_view>   // string_view
#include <system_error>  // generic_category
#include <utility>       // move

namespace eqsr { inline namespace EQSR_ABI {

/// What a caller is willing to spend on a weight file. Everything announced by a file is compared
/// with these and with the bytes really present before anything is allocated for it.
struct Limits {
  std::uint64_t max_file_bytes = std::uint64_t{1} << 40;  ///< the file itself
  std::uint64_t max_header_bytes = 100'000'000;           ///< JSON header, zip directory
  std::uint64_t max_pickle_bytes = std::uint64_t{64} << 20;
  std::uint64_t max_tensors = 100'000;
  std::uint64_t memory_budget = std::uint64_t{16} << 30;  ///< tensor bytes held at once
  /// The file's SHA-256 in hexadecimal digits, if it is known: another file is refused.
  std::string sha256{};
  /// PyTorch can be told to write archives without valid checksums; false reads them.
  bool check_crc = true;
  /// Called with a sentence for each thing that `load` noticed but did not mind: a prefix that it
  /// removed from the names, objects beside the tensors, numbers that count as zero.
  std::function<void(const std::string& note)> on_note{};
};

namespace detail {

[[nodiscard, gnu::cold]] inline std::string system_message(int error) {
  return std::generic_category().message(error);
}

/// A regular file, open for reading at any offset.
class InputFile {
 public:
  [[gnu::cold]] explicit InputFile(
      std::string path, std::uint64_t max_bytes = (std::numeric_limits<std::uint64_t>::max)())
      : path_(std::move(path)) {
    if (path_.find('\0') != std::string::npos) fail("io_error", {"The path contains a zero byte."});
    // Asked by name first, so that a device or a socket is not even opened.
    if (!system::get_status(path_, opened_)) fail_system("cannot be opened", errno);
    expect_regular(opened_);
    descriptor_ = system::open_to_read(path_);
    if (descriptor_ < 0) fail_system("cannot be opened", errno);
    try {
      if (!system::get_status(descriptor_, opened_)) fail_system("cannot be examined", errno);
      expect_regular(opened_);
      if (size() > max_bytes) {
        fail("limit_exceeded", {"The file has ", size(), " bytes, the limit is ", max_bytes,
                                "; raise Limits::max_file_bytes if it can be trusted."});
      }
    } catch (...) {
      system::close(descriptor_);
      throw;
    }
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() {
    if (descriptor_ >= 0) system::close(descriptor_);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return opened_.size; }

  /// Reads exactly `count` bytes.
  void read(std::uint64_t offset, void* to, std::size_t count) const {
    if (offset > size() || count > size() - offset) {
      fail("truncated",
           {"Bytes ", offset, " to ", offset + count, " are needed, but the file ends at ", size(),
            ". Copy or download it again."});
    }
    char* out = static_cast<char*>(to);
    while (count > 0) {
      constexpr std::size_t most = std::size_t{1} << 30;
      const std::int64_t got = system::read_at(descriptor_, out, (std::min)(count, most), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_system("cannot be read", errno);
      if (got == 0) {
        fail("truncated",
             {"The file had ", size(), " bytes when it was opened, but now ends before ", offset,
              ". It is being changed by someone else; try again when that is done."});
      }
      out += got;
      offset += static_cast<std::uint64_t>(got);
      count -= static_cast<std::size_t>(got);
    }
  }

  /// Up to `count` bytes at `offset`, fewer at the end of the file.
  [[nodiscard]] std::string read_some(std::uint64_t offset, std::uint64_t count) const {
    const std::uint64_t left = offset < size() ? size() - offset : 0;
    std::string bytes(static_cast<std::size_t>((std::min)(count, left)), '\0');
    read((std::min)(offset, size()), bytes.data(), bytes.size());
    return bytes;
  }

  /// Throws when the file was written to since it was opened: its parts may not belong together.
  [[gnu::cold]] void expect_unchanged() const {
    system::Status now;
    if (!system::get_status(descriptor_, now)) fail_system("cannot be examined", errno);
    if (now.size < size()) {
      fail("truncated",
           {"The file shrank from ", size(), " to ", now.size, " bytes while it was read."});
    }
    if (now.size != size() || now.seconds != opened_.seconds ||
        now.nanoseconds != opened_.nanoseconds) {
      fail("io_error", {"The file was changed while it was read; try again when that is done."});
    }
  }

  /// Throws an Error whose sentence starts with the file's name.
  [[noreturn, gnu::noinline, gnu::cold]] void fail(const char* code,
                                                   std::initializer_list<Part> parts) const {
    detail::fail(code, {in_quotes(path_), ": ", joined(parts)});
  }

 private:
  [[noreturn]] void fail_system(std::string_view what, int error) const {
    fail("io_error", {"The file ", what, ": ", system_message(error), "."});
  }
  void expect_regular(const system::Status& status) const {
    if (!status.is_file()) {
      fail("not_regular_file", {"This is ", status.is_folder() ? "a directory" : "no plain file",
                                "; a file with contents is expected."});
    }
  }

  std::string path_;
  int descriptor_ = -1;
  system::Status opened_;  // as it was then
};

}  // namespace detail

}}  // namespace eqsr::EQSR_ABI
