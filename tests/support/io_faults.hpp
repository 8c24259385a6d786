// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>  // size_t

/// Makes system calls of a test program fail. It works in programs that are linked with
/// io_faults.cpp and with EQSR_WRAPPED_CALLS of tests/CMakeLists.txt.
namespace eqsr_test {

/// The n-th call of open, fstat, pread, write, fsync, close, linkat or rename from now on fails
/// with `error`, or, for an error of 0, transfers half of the bytes (0: none fails).
void fail_call(std::size_t n, int error);
/// Whether one was made to fail since then.
bool call_failed();

}  // namespace eqsr_test
