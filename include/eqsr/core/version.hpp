// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The version, parsed by CMake; and the inline namespace that keeps translation units apart when
/// they were compiled for different instruction sets (their templates have equal names but not
/// equal code, so they must not share symbols).

#define EQSR_VERSION_MAJOR 0
#define EQSR_VERSION_MINOR 1
#define EQSR_VERSION_PATCH 0

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error \
    "eqsr: -ffast-math breaks the rounding that pretrained weights depend on. Remove -ffast-math, \
-Ofast and -ffinite-math-only for files that include eqsr; -O3 -march=native is as fast."
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__)
#define EQSR_ABI v0_1_avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define EQSR_ABI v0_1_avx2
#else
#define EQSR_ABI v0_1
#endif

/// A function that host and device compilers share.
#if defined(__CUDACC__)
#define EQSR_HD __host__ __device__
#else
#define EQSR_HD
#endif
