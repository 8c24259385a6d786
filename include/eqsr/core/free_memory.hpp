// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/control_groups.hpp>  // group_memory
#include <eqsr/core/math.hpp>            // saturated_product
#include <eqsr/core/system.hpp>          // address_space

#include <algorithm>  // min
#include <cstddef>    // size_t
#include <string>     // string

namespace eqsr { inline namespace EQSR_ABI {
namespace detail {

/// What `ulimit -v` leaves.
[[gnu::cold, gnu::noinline]] inline std::size_t free_address_space() {
  const std::size_t limit = system::address_space();
  if (limit == unlimited_memory) return limit;
  const std::size_t used = number_in("/proc/self/statm", "", 0) * system::page_size();
  return limit > used ? limit - used : 0;
}

}  // namespace detail

/// Bytes that this process may still take: what the machine has free without swapping, less where
/// control groups or `ulimit -v` leave less. `unlimited_memory` where the system does not say.
/// `root` is for tests: it stands in front of the paths below /proc and /sys.
[[gnu::cold, gnu::noinline]] inline std::size_t free_memory(const std::string& root = "") {
  const std::size_t kilobytes =
      detail::number_in(detail::joined({root, "/proc/meminfo"}), "MemAvailable:", 0);
  const std::size_t machine =
      kilobytes > 0 ? saturated_product(kilobytes, 1024) : detail::system::free_memory();
  return (std::min)({machine, detail::group_memory(root), detail::free_address_space()});
}

}}  // namespace eqsr::EQSR_ABI
