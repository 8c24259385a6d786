// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a file is compiled for: the ladder of instruction sets, which is written here and nowhere
/// else. The name of the inline namespace, `lowest_isa` and the hot loops follow from it.
///
/// | EQSR_TARGET | instruction set | as the compiler's macros say |
/// |---|---|---|
/// | 0 | portable | none of the others |
/// | 1 | AVX2 with FMA | both |
/// | 2 | AVX-512 | F, BW, VL and DQ |
///
/// "Portable" are GNU vectors of four floats: SSE2 on x86-64, NEON on ARM64, SIMD128 in
/// WebAssembly, and plain code elsewhere. EQSR_PORTABLE_NAME says which, EQSR_PORTABLE_REGISTERS
/// how many vectors such a processor holds.
///
/// It includes nothing, so that `core/version.hpp` may include it.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#define EQSR_TARGET 2
#elif defined(__AVX2__) && defined(__FMA__)
#define EQSR_TARGET 1
#else
#define EQSR_TARGET 0
#endif

#if EQSR_TARGET > 0 && !defined(__x86_64__) && !defined(_M_X64)
#error \
    "eqsr: AVX2 is switched on for a target that is not 64-bit x86, and the hot loops have no form \
for that. Compile with -m64, or remove -march=native and -mavx2: without AVX2 the portable loops \
do."
// Hundreds of errors would follow.
#include <stop_here>
#endif

#if defined(__FLT_EVAL_METHOD__) && (__FLT_EVAL_METHOD__ == 1 || __FLT_EVAL_METHOD__ == 2)
#error \
    "eqsr: this target computes float in a wider format, as the x87 unit does, and pretrained \
weights depend on the rounding to float. On 32-bit x86 compile with -msse2 -mfpmath=sse."
#include <stop_here>
#endif

#if defined(__aarch64__)
#define EQSR_PORTABLE_NAME "NEON"
#define EQSR_PORTABLE_REGISTERS 32
#elif defined(__wasm_simd128__)
#define EQSR_PORTABLE_NAME "SIMD128"
#define EQSR_PORTABLE_REGISTERS 12  // what V8 leaves of 16; more sums spill, and cost a quarter
#else
#define EQSR_PORTABLE_NAME "portable"
#define EQSR_PORTABLE_REGISTERS 16
#endif
