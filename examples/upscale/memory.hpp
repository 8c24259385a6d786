// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <string>

/// How much memory this process may still take.
namespace tool {

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

inline std::uint64_t read_number(const std::string& path, std::uint64_t otherwise) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? number : otherwise;  // the word "max" is no number
}

/// What the machine has free, swap not counted.
inline std::uint64_t machine_memory() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (std::uint64_t value = 0; file >> name >> value; std::getline(file, unit))
    if (name == "MemAvailable:") return value * 1024;
  return unlimited;
}

/// What the control groups of a container or a batch system leave: the tightest of all levels.
inline std::uint64_t group_memory() {
  std::string line, group = "/";
  for (std::ifstream file("/proc/self/cgroup"); std::getline(file, line);)
    if (line.starts_with("0::")) group = line.substr(3);
  std::uint64_t free = unlimited;
  const auto take = [&](const std::string& limit_file, const std::string& used_file) {
    const std::uint64_t limit = read_number(limit_file, unlimited);
    const std::uint64_t used = read_number(used_file, 0);
    if (limit != unlimited) free = std::min(free, limit > used ? limit - used : 0);
  };
  for (std::string at = group;; at.resize(at.rfind('/'))) {
    const std::string folder = "/sys/fs/cgroup" + at;
    take(folder + "/memory.max", folder + "/memory.current");
    if (at.empty() || at.rfind('/') == std::string::npos) break;
  }
  take("/sys/fs/cgroup/memory/memory.limit_in_bytes",
       "/sys/fs/cgroup/memory/memory.usage_in_bytes");
  return free;
}

/// What `ulimit -v` leaves.
inline std::uint64_t address_space() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return unlimited;
  const std::uint64_t used =
      read_number("/proc/self/statm", 0) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

inline std::uint64_t free_memory() {
  return std::min({machine_memory(), group_memory(), address_space()});
}

/// "1.3 GB", "720 MB".
inline std::string megabytes(double bytes) {
  char text[32];
  if (bytes >= 1e9)
    std::snprintf(text, sizeof text, "%.1f GB", bytes / 1e9);
  else
    std::snprintf(text, sizeof text, "%.0f MB", bytes / 1e6);
  return text;
}

}  // namespace tool
