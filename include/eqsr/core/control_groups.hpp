// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>   // joined
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

/// A file of the system, empty if there is no such file.
[[gnu::cold, gnu::noinline]] inline std::string text_of(const std::string& path) {
  std::string text;
  const int file = system::open_to_read(path);
  if (file < 0) return text;
  char part[4096];
  for (std::int64_t count; (count = system::read_at(file, part, sizeof part, text.size())) > 0;)
    text.append(part, static_cast<std::size_t>(count));
  system::close(file);
  return text;
}

/// Takes what stands before the next `end` from the beginning of a text, or all of it.
[[gnu::cold, gnu::noinline]] inline std::string_view take_until(char end, std::string_view& text) {
  const std::size_t size = (std::min)(text.find(end), text.size());
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix((std::min)(size + 1, text.size()));
  return taken;
}

/// The number that follows `key` at the beginning of a line ("" for the first line); "max" and a
/// negative number are none.
[[gnu::cold, gnu::noinline]] inline std::size_t number_in(const std::string& path,
                                                          std::string_view key,
                                                          std::size_t otherwise) {
  const std::string text = text_of(path);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take_until('\n', rest);
    if (!line.starts_with(key)) continue;
    const std::size_t at = line.find_first_not_of(" \t", key.size());
    unsigned long long number = 0;
    if (at == std::string_view::npos || line[at] == '-' ||
        std::sscanf(line.data() + at, "%llu", &number) != 1)
      return otherwise;
    return static_cast<std::size_t>(number);
  }
  return otherwise;
}

/// Whether a word stands between commas.
[[gnu::cold]] inline bool holds(std::string_view words, std::string_view word) {
  while (!words.empty())
    if (take_until(',', words) == word) return true;
  return false;
}

/// The folders of the groups that this process is in: those of a controller of version 1, or of
/// version 2 for an empty name. Some may not exist.
[[gnu::cold, gnu::noinline]] inline std::vector<std::string> group_folders(
    const std::string& root, std::string_view controller) {
  std::vector<std::string> folders;
  const std::string groups = text_of(joined({root, "/proc/self/cgroup"}));
  // Where groups are mounted, and which group that place shows.
  const auto add = [&](std::string_view place, std::string_view shown) {
    folders.push_back(joined({root, place}));
    for (std::string_view lines = groups; !lines.empty();) {
      std::string_view path = take_until('\n', lines);  // 4:memory:/a/b, 0::/a
      take_until(':', path);
      const std::string_view names = take_until(':', path);
      if (controller.empty() ? !names.empty() : !holds(names, controller)) continue;
      if (shown != "/" && path.starts_with(shown)) path.remove_prefix(shown.size());
      while (path.size() > 1) {
        folders.push_back(joined({root, place, path}));
        path = path.substr(0, (std::min)(path.rfind('/'), path.size() - 1));
      }
    }
  };
  // Usual places, then real ones.
  if (controller.empty()) add("/sys/fs/cgroup/unified", "/");
  add(joined({"/sys/fs/cgroup/", controller}), "/");
  if (controller == "cpu") add("/sys/fs/cgroup/cpu,cpuacct", "/");
  const std::string mounts = text_of(joined({root, "/proc/self/mountinfo"}));
  for (std::string_view lines = mounts; !lines.empty();) {
    std::string_view line = take_until('\n', lines), word[5];
    for (std::string_view& next : word) next = take_until(' ', line);
    while (!line.empty() && take_until(' ', line) != "-") continue;
    const std::string_view kind = take_until(' ', line);
    take_until(' ', line);  // a name
    const bool ours =
        controller.empty() ? kind == "cgroup2" : kind == "cgroup" && holds(line, controller);
    if (ours) add(word[4], word[3]);
  }
  return folders;
}

/// Bytes that the groups leave. Pages of files can be taken back at any time, so they are free.
[[gnu::cold, gnu::noinline]] inline std::size_t group_memory(const std::string& root) {
  std::size_t free = unlimited_memory;
  const auto take = [&](const std::string& folder, const char* limit_file, const char* used_file) {
    const std::size_t limit = number_in(joined({folder, limit_file}), "", unlimited_memory);
    if (limit == unlimited_memory) return;
    const std::size_t used = number_in(joined({folder, used_file}), "", 0);
    // "total_" counts the groups below too, as the used bytes of version 1 do.
    const auto pages = [&](std::string_view kind) {  // it begins with "total_"
      const std::string file = joined({folder, "/memory.stat"});
      return number_in(file, kind, number_in(file, kind.substr(6), 0));
    };
    const std::size_t cache = pages("total_inactive_file ") + pages("total_active_file ");
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
    const std::string text = text_of(joined({folder, "/cpu.max"}));  // "50000 100000"
    unsigned long long quota = 0, period = 0;
    if (std::sscanf(text.c_str(), "%llu %llu", &quota, &period) == 2)
      take(static_cast<std::size_t>(quota), static_cast<std::size_t>(period));
  }
  for (const std::string& folder : group_folders(root, "cpu"))
    take(number_in(joined({folder, "/cpu.cfs_quota_us"}), "", 0),
         number_in(joined({folder, "/cpu.cfs_period_us"}), "", 0));
  return cores;
}

}  // namespace detail
}}  // namespace eqsr::EQSR_ABI
