// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>  // joined

#include <cstddef>  // size_t
#include <cstdint>  // uint64_t
#include <string>   // string

/// What the library asks an operating system for. Names of systems stand here and in the two files
/// that are included below, nowhere else in the library. Paths are UTF-8 on every system. Functions
/// that fail say so by their result and set `errno`.
namespace eqsr { inline namespace EQSR_ABI { namespace detail::system {

/// What is known of a file.
struct Status {
  enum class Kind { file, folder, other } kind = Kind::other;
  std::uint64_t size = 0;                     ///< bytes
  std::int64_t seconds = 0, nanoseconds = 0;  ///< when it was last written to
  unsigned permissions = 0;
  [[nodiscard]] bool is_file() const { return kind == Kind::file; }
  [[nodiscard]] bool is_folder() const { return kind == Kind::folder; }
};

/// Of the file behind a path, links followed; of a link itself; of an open file.
inline bool get_status(const std::string& path, Status& status);
inline bool get_status_of_link(const std::string& path, Status& status);
inline bool get_status(int file, Status& status);

/// The descriptor of an open file, or -1: to read; to write to a device or pipe; a new file, where
/// nothing has the name yet; a new file in a folder that has no name yet, where that is possible.
inline int open_to_read(const std::string& path);
inline int open_device(const std::string& path);
inline int create(const std::string& path);
inline int create_nameless(const std::string& folder);
/// Bytes read or written, 0 at the end, or -1. Files to read have one reader at a time.
inline std::int64_t read_at(int file, void* bytes, std::size_t count, std::uint64_t offset);
inline std::int64_t write(int file, const void* bytes, std::size_t count);
/// Makes what was written durable; a folder's names, as far as its file system can.
inline bool synchronise(int file);
inline void synchronise_folder(const std::string& path);
inline bool close(int file);
inline void set_permissions(int file, unsigned permissions);

/// Gives a file one more name, if nothing has it: `file` if it is nameless, else the one at `path`.
inline bool link(int file, const std::string& path, const std::string& name);
/// Gives the file at `from` the name `to`, in one step, whatever had it.
inline bool rename_over(const std::string& from, const std::string& to);
inline bool remove(const std::string& path);
/// A path without links, or "".
inline std::string resolved(const std::string& path);
/// Where the name begins behind the folders of a path.
inline std::size_t name_begin(const std::string& path);

/// Distinguishes a process from its parent.
inline std::int64_t process_id();
/// Bytes that the machine has free, where the system has a call for that; else all there can be.
inline std::size_t free_memory();
/// Bytes that this process may address (`ulimit -v`), and bytes of a page of it.
inline std::size_t address_space();
inline std::size_t page_size();
/// Cores that this process may run on, by its affinity; 0 where that is not known.
inline std::size_t cores_by_affinity();

}}}  // namespace eqsr::EQSR_ABI::detail::system

#if defined(_WIN32)
#include <eqsr/core/system_windows.inc>
#else
#include <eqsr/core/system_posix.inc>
#endif
