// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>  // size_t

/// Counts, limits and fails the allocations of a test program. It works in programs that are linked
/// with allocation.cpp and `-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free`; operator
/// new and everything in the headers under test goes through it.
namespace eqsr_test {

/// Bytes of the heap in use now, and the most there were since `heap_reset_peak()`.
std::size_t heap_now();
std::size_t heap_peak();
void heap_reset_peak();

/// The n-th allocation from now on fails (0: none does); with `sticky`, all later ones fail too.
void fail_allocation(std::size_t n, bool sticky = false);
/// Whether one was made to fail since then.
bool allocation_failed();

}  // namespace eqsr_test
