// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/system.hpp>  // read_at

#include <algorithm>    // min
#include <cstddef>      // size_t
#include <cstdint>      // int64_t
#include <cstdio>       // sscanf
#include <string>       // string
#include <string_view>  // string_view
#include <vector>       // vector

/// What the control groups of a container or a batch system allow this process, versions 1 and 2.
/// A limit may stand at any level from the process's own group up to the root; the tightest counts.
/// `root` is put in front of every path, for tests with a tree of their own; it is empty else.
namespace eqsr { inline namespace EQSR_ABI {

/// More memory than there is: where no limit is known.
inline constexpr std::size_t unlimited_memory = static_cast<std::size_t>(-1);

namespace detail {

/// The lines of a file of the system, none if there is no such file.
[[gnu::cold, gnu::noinline]] inline std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  const int file = system::open_to_read(path);
  if (file < 0) return lines;
  std::string text;
  char part[4096];
  for (std::int64_t count; (count = system::read_at(file, part, sizeof part, text.size())) > 0;)
    text.append(part, static_cast<std::size_t>(count));
  system::close(file);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = (std::min)(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// The number that follows `key` at the beginning of a line ("" for the first line); "max" and a
/// negative number are none.
[[gnu::cold, gnu::noinline]] inline std::size_t number_in(const std::string& path,
                                                          std::string_view key,
                                                          std::size_t otherwise) {
  for (const std::string& line : lines_of(path)) {
    if (!line.starts_with(key)) continue;
    const std::size_t at = line.find_first_not_of(" \t", key.size());
    unsigned long long number = 0;
    if (at == std::string::npos || line[at] == '-' ||
        std::sscanf(line.c_str() + at, "%llu", &number) != 1)
      return otherwise;
    return static_cast<std::size_t>(number);
  }
  return otherwise;
}

/// The words of a line.
[[gnu::cold]] inline std::vector<std::string> words_of(std::string_view line, char between) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const std::size_t end = (std::min)(line.find(between), line.size());
    if (end > 0) words.emplace_back(line.substr(0, end));
    line.remove_prefix((std::min)(end + 1, line.size()));
  }
  return words;
}

[[gnu::cold]] inline bool holds(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// The folders of the groups that this process is in, from its own upwards: those of a controller
/// of version 1, or of version 2 for an empty name. Some may not exist.
[[gnu::cold, gnu::noinline]] inline std::vector<std::string> group_folders(
    const std::string& root, std::string_view controller) {
  // Where the groups are mounted, and which group that place shows: usual places, then real ones.
  struct Mount {
    std::string place, group;
  };
  std::vector<Mount> mounts;
  if (controller.empty())
    mounts = {{"/sys/fs/cgroup", "/"}, {"/sys/fs/cgroup/unified", "/"}};
  else
    mounts = {{"/sys/fs/cgroup/" + std::string(controller), "/"}};
  if (controller == "cpu") mounts.push_back({"/sys/fs/cgroup/cpu,cpuacct", "/"});
  for (const std::string& line : lines_of(root + "/proc/self/mountinfo")) {
    const std::vector<std::string> words = words_of(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    const bool ours = controller.empty()
                          ? dash[1] == "cgroup2"
                          : dash[1] == "cgroup" && holds(words_of(dash[3], ','), controller);
    if (ours) mounts.push_back({words[4], words[3]});
  }
  std::vector<std::string> folders;
  for (const std::string& line : lines_of(root + "/proc/self/cgroup")) {  // 4:memory:/a/b, 0::/a
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view names = std::string_view(line).substr(first + 1, second - first - 1);
    if (controller.empty() ? !names.empty() : !holds(words_of(names, ','), controller)) continue;
    const std::string group = line.substr(second + 1);
    for (const Mount& mount : mounts) {
      const bool below = mount.group != "/" && group.starts_with(mount.group);
      std::string path = below ? group.substr(mount.group.size()) : group;
      while (path.size() > 1) {
        folders.push_back(root + mount.place + path);
        path.resize((std::min)(path.rfind('/'), path.size() - 1));
      }
    }
  }
  for (const Mount& mount : mounts) folders.push_back(root + mount.place);
  return folders;
}

/// Bytes that the groups leave. Pages of files can be taken back at any time, so they are free.
[[gnu::cold, gnu::noinline]] inline std::size_t group_memory(const std::string& root) {
  std::size_t free = unlimited_memory;
  const auto take = [&](const std::string& folder, const char* limit_file, const char* used_file) {
    const std::size_t limit = number_in(folder + limit_file, "", unlimited_memory);
    if (limit == unlimited_memory) return;
    const std::size_t used = number_in(folder + used_file, "", 0);
    // "total_" counts the groups below too, as the used bytes of version 1 do.
    const auto pages = [&](const std::string& kind) {
      const std::string file = folder + "/memory.stat";
      return number_in(file, "total_" + kind + " ", number_in(file, kind + " ", 0));
    };
    const std::size_t cache = pages("inactive_file") + pages("active_file");
    const std::size_t held = used > cache ? used - cache : 0;
    free = (std::min)(free, limit > held ? limit - held : 0);
  };
  for (const std::string& folder : group_folders(root, ""))
    take(folder, "/memory.max", "/memory.current");
  for (const std::string& folder : group_folders(root, "memory"))
    take(folder, "/memory.limit_in_bytes", "/memory.usage_in_bytes");
  return free;
}

/// Cores that the groups' quotas of processor time amount to, rounded up; 0 without a quota.
[[gnu::cold, gnu::noinline]] inline std::size_t group_cores(const std::string& root) {
  std::size_t cores = 0;
  const auto take = [&](std::size_t quota, std::size_t period) {
    if (quota == 0 || quota == unlimited_memory || period == 0) return;
    const std::size_t whole = quota / period + (quota % period != 0);
    cores = cores == 0 ? whole : (std::min)(cores, whole);
  };
  for (const std::string& folder : group_folders(root, "")) {
    const std::vector<std::string> lines = lines_of(folder + "/cpu.max");  // "50000 100000"
    unsigned long long quota = 0, period = 0;
    if (!lines.empty() && std::sscanf(lines[0].c_str(), "%llu %llu", &quota, &period) == 2)
      take(static_cast<std::size_t>(quota), static_cast<std::size_t>(period));
  }
  for (const std::string& folder : group_folders(root, "cpu"))
    take(number_in(folder + "/cpu.cfs_quota_us", "", 0),
         number_in(folder + "/cpu.cfs_period_us", "", 0));
  return cores;
}

}  // namespace detail
}}  // namespace eqsr::EQSR_ABI
