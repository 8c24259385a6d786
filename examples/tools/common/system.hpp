// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

/// What the tools ask an operating system for beside the standard library and eqsr. Names of
/// systems stand here and in the two files that are included below, nowhere else in the tools.
/// Names of files and arguments are UTF-8 on every system.
namespace tool {

/// The first line of every program; gives the arguments in UTF-8. Where the descriptors 0, 1 and 2
/// are closed, the next files opened would take their numbers, and messages would go into a
/// picture: each is opened the wrong way round, so that reading or writing there is still an error.
inline char** start_program(int& argc, char** argv);

/// The file of the running program, or nothing.
inline std::filesystem::path program_file();

/// Calls `handler` for the first Ctrl-C or request to end; a second one ends the program at once.
/// What cannot be written afterwards is an error with a sentence, not a signal.
inline void listen_for_signals(void (*handler)(int));

inline bool standard_error_is_terminal();
inline bool can_write_to_standard_output();
/// Whether frames that are written come back as frames to read.
inline bool standard_output_is_standard_input();

/// Whether the standard input has bytes or has ended; waits for at most a tenth of a second.
inline bool standard_input_is_ready();
/// Bytes read or written, 0 at the end, or -1 and `errno`, which is EINTR after a signal.
inline std::int64_t read_standard_input(void* bytes, std::size_t count);
inline std::int64_t write_standard_output(const void* bytes, std::size_t count);

/// What a file is, by whatever name: a link has the identity of what it leads to.
struct FileIdentity {
  std::uint64_t device = 0, number = 0;
  auto operator<=>(const FileIdentity&) const = default;
};
inline std::optional<FileIdentity> identity_of(const std::filesystem::path& path);

/// Whether a file is what this standard descriptor leads to.
inline bool is_standard(const std::filesystem::path& path, int descriptor);

}  // namespace tool

#if defined(_WIN32)
#include "system_windows.inc"
#else
#include "system_posix.inc"
#endif
