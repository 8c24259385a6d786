// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <algorithm>  // min
#include <cstddef>    // size_t
#include <cstdio>     // fopen
#include <cstring>    // strncmp
#include <string>     // string
#if defined(__linux__)
#include <sys/resource.h>  // getrlimit
#include <unistd.h>        // sysconf
#endif

namespace eqsr { inline namespace EQSR_ABI {

/// More memory than there is: where no limit is known.
inline constexpr std::size_t unlimited_memory = static_cast<std::size_t>(-1);

#if defined(__linux__)
namespace detail {

/// The number that follows `key` at the beginning of a line of a file ("" for its first line).
[[gnu::cold, gnu::noinline]] inline std::size_t number_in(const std::string& path, const char* key,
                                                          std::size_t otherwise) {
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (!file) return otherwise;
  char line[512];
  unsigned long long number = 0;
  bool found = false;
  while (!found && std::fgets(line, sizeof line, file))
    found = std::strncmp(line, key, std::strlen(key)) == 0 &&
            std::sscanf(line + std::strlen(key), "%llu", &number) == 1;  // "max" is no number
  std::fclose(file);
  return found ? static_cast<std::size_t>(number) : otherwise;
}

/// What the control groups of a container or a batch system leave: the tightest of all levels.
[[gnu::cold, gnu::noinline]] inline std::size_t group_memory() {
  std::size_t free = unlimited_memory;
  const auto take = [&](const std::string& limit_file, const std::string& used_file) {
    const std::size_t limit = number_in(limit_file, "", unlimited_memory);
    const std::size_t used = number_in(used_file, "", 0);
    if (limit != unlimited_memory) free = (std::min)(free, limit > used ? limit - used : 0);
  };
  std::string group = "/";
  if (std::FILE* file = std::fopen("/proc/self/cgroup", "re")) {
    char line[4096];
    while (std::fgets(line, sizeof line, file))
      if (std::strncmp(line, "0::", 3) == 0) group.assign(line + 3, std::strcspn(line + 3, "\n"));
    std::fclose(file);
  }
  for (;; group.resize(group.rfind('/'))) {
    take("/sys/fs/cgroup" + group + "/memory.max", "/sys/fs/cgroup" + group + "/memory.current");
    if (group.rfind('/') == std::string::npos) break;
  }
  take("/sys/fs/cgroup/memory/memory.limit_in_bytes",
       "/sys/fs/cgroup/memory/memory.usage_in_bytes");
  return free;
}

/// What `ulimit -v` leaves.
[[gnu::cold, gnu::noinline]] inline std::size_t address_space() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return unlimited_memory;
  const std::size_t pages = number_in("/proc/self/statm", "", 0);
  const std::size_t used = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return limit.rlim_cur > used ? static_cast<std::size_t>(limit.rlim_cur) - used : 0;
}

}  // namespace detail
#endif

/// Bytes that this process may still take: what the machine has free without swapping, less where
/// control groups or `ulimit -v` leave less. Known on Linux; elsewhere `unlimited_memory`.
[[gnu::cold, gnu::noinline]] inline std::size_t free_memory() {
#if defined(__linux__)
  const std::size_t kilobytes = detail::number_in("/proc/meminfo", "MemAvailable:", 0);
  const std::size_t machine = kilobytes > 0 ? kilobytes * 1024 : unlimited_memory;
  return (std::min)({machine, detail::group_memory(), detail::address_space()});
#else
  return unlimited_memory;
#endif
}

}}  // namespace eqsr::EQSR_ABI
