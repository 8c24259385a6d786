// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The version, parsed by CMake; and the inline namespace that keeps translation units apart when
/// they were compiled for different instruction sets (their templates have equal names but not
/// equal code, so they must not share symbols).

#define EQSR_VERSION_MAJOR 0
#define EQSR_VERSION_MINOR 1
#define EQSR_VERSION_PATCH 0

// What a compiler must be able to do. The headers that are no headers end the compilation there:
// the hundreds of errors that follow would bury the sentence.
#if !defined(__cplusplus) || __cplusplus < 202002L
#error \
    "eqsr: these headers need C++20. Compile with -std=c++20; with CMake, link eqsr::eqsr or set \
CMAKE_CXX_STANDARD to 20."
#include <stop_here>
#endif
#if !defined(__cpp_exceptions)
#error \
    "eqsr: errors are reported as exceptions. Remove -fno-exceptions for files that include eqsr."
#include <stop_here>
#endif
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || \
    defined(_M_FP_FAST)
#error \
    "eqsr: -ffast-math breaks the rounding that pretrained weights depend on. Remove -ffast-math, \
-Ofast, -ffinite-math-only and /fp:fast for files that include eqsr; -O3 -march=native is as fast."
#include <stop_here>
#endif

#include <eqsr/core/target.hpp>  // EQSR_TARGET

#define EQSR_ABI_NAME(major, minor, target) v##major##_##minor##_##target
#define EQSR_ABI_EXPAND(major, minor, target) EQSR_ABI_NAME(major, minor, target)
#if EQSR_TARGET == 2
#define EQSR_ABI EQSR_ABI_EXPAND(EQSR_VERSION_MAJOR, EQSR_VERSION_MINOR, avx512)
#elif EQSR_TARGET == 1
#define EQSR_ABI EQSR_ABI_EXPAND(EQSR_VERSION_MAJOR, EQSR_VERSION_MINOR, avx2)
#else
#define EQSR_ABI EQSR_ABI_EXPAND(EQSR_VERSION_MAJOR, EQSR_VERSION_MINOR, portable)
#endif

/// A function that host and device compilers share.
#if defined(__CUDACC__)
#define EQSR_HD __host__ __device__
#else
#define EQSR_HD
#endif
