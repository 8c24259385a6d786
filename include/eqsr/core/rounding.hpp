// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <cmath>   // abs
#include <limits>  // numeric_limits

namespace eqsr { inline namespace EQSR_ABI {

/// fl(x): a float32 value that the compiler must form before it goes on.
///
/// Compilers may contract `a * b + c` into one fused multiply-add (GCC does by default), which
/// changes coordinates by an ulp and the encoding's upper octaves completely. `fl(a * b) + c`
/// cannot be contracted, whatever the flags.
inline float fl(float x) {
#if defined(__CUDA_ARCH__)
  return x;  // device code uses __fmul_rn and __fadd_rn
#elif defined(__x86_64__)
  asm("" : "+x"(x));
  return x;
#elif defined(__aarch64__)
  asm("" : "+w"(x));
  return x;
#else
  volatile float rounded = x;
  return rounded;
#endif
}

/// A parameter as packed forms hold it: subnormal numbers, below 1.2e-38, are zero. Processors
/// multiply them many times slower, and no result depends on them.
inline float flushed(float x) {
  return x != 0 && std::abs(x) < (std::numeric_limits<float>::min)() ? 0.0f : x;
}

}}  // namespace eqsr::EQSR_ABI
