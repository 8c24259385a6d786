// SPDX-License-Identifier: Apache-2.0
#include "io_faults.hpp"

#include <sys/stat.h>
#include <sys/types.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>

extern "C" {
int __real_open(const char*, int, ...);
int __real_fstat(int, struct stat*);
ssize_t __real_pread(int, void*, std::size_t, off_t);
ssize_t __real_write(int, const void*, std::size_t);
int __real_fsync(int);
int __real_close(int);
int __real_linkat(int, const char*, int, const char*, int);
int __real_rename(const char*, const char*);
}

namespace {

std::atomic<std::size_t> countdown{0};
std::atomic<int> error_number{0};
std::atomic<bool> failed{false};

bool fails() {
  if (countdown == 0 || --countdown != 0) return false;
  failed = true;
  errno = error_number;
  return true;
}

/// How many bytes a transfer moves: all, or half of them, or an error.
ssize_t share(std::size_t count) {
  if (!fails()) return static_cast<ssize_t>(count);
  return error_number != 0 ? -1 : static_cast<ssize_t>((count + 1) / 2);
}

}  // namespace

extern "C" {
int __wrap_open(const char* path, int flags, ...);
int __wrap_open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const unsigned mode = va_arg(rest, unsigned);
  va_end(rest);
  return fails() && error_number != 0 ? -1 : __real_open(path, flags, mode);
}
int __wrap_fstat(int file, struct stat* status);
int __wrap_fstat(int file, struct stat* status) {
  return fails() && error_number != 0 ? -1 : __real_fstat(file, status);
}
ssize_t __wrap_pread(int file, void* to, std::size_t count, off_t at);
ssize_t __wrap_pread(int file, void* to, std::size_t count, off_t at) {
  const ssize_t part = share(count);
  return part < 0 ? -1 : __real_pread(file, to, static_cast<std::size_t>(part), at);
}
ssize_t __wrap_write(int file, const void* from, std::size_t count);
ssize_t __wrap_write(int file, const void* from, std::size_t count) {
  const ssize_t part = share(count);
  return part < 0 ? -1 : __real_write(file, from, static_cast<std::size_t>(part));
}
int __wrap_fsync(int file);
int __wrap_fsync(int file) { return fails() && error_number != 0 ? -1 : __real_fsync(file); }
int __wrap_close(int file);
int __wrap_close(int file) {
  const bool refused = fails() && error_number != 0;
  const int result = __real_close(file);  // a failing close closes all the same
  return refused ? -1 : result;
}
int __wrap_linkat(int from, const char* name, int to, const char* new_name, int flags);
int __wrap_linkat(int from, const char* name, int to, const char* new_name, int flags) {
  return fails() && error_number != 0 ? -1 : __real_linkat(from, name, to, new_name, flags);
}
int __wrap_rename(const char* from, const char* to);
int __wrap_rename(const char* from, const char* to) {
  return fails() && error_number != 0 ? -1 : __real_rename(from, to);
}
}

namespace eqsr_test {

void fail_call(std::size_t n, int error) {
  failed = false;
  error_number = error;
  countdown = n;
}
bool call_failed() { return failed; }

}  // namespace eqsr_test
