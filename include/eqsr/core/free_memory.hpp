// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/control_groups.hpp>  // group_memory

#include <algorithm>  // min
#include <cstddef>    // size_t
#include <string>     // string
#if defined(__linux__)
#include <sys/resource.h>  // getrlimit
#include <unistd.h>        // sysconf
#endif

namespace eqsr { inline namespace EQSR_ABI {

#if defined(__linux__)
namespace detail {

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
/// control groups or `ulimit -v` leave less. Known on Linux; elsewhere `unlimited_memory`. `root`
/// is for tests: it stands in front of the paths below /proc and /sys.
[[gnu::cold, gnu::noinline]] inline std::size_t free_memory(
    [[maybe_unused]] const std::string& root = "") {
#if defined(__linux__)
  const std::size_t kilobytes = detail::number_in(root + "/proc/meminfo", "MemAvailable:", 0);
  const std::size_t machine = kilobytes > 0 ? kilobytes * 1024 : unlimited_memory;
  return (std::min)({machine, detail::group_memory(root), detail::address_space()});
#else
  return unlimited_memory;
#endif
}

}}  // namespace eqsr::EQSR_ABI
