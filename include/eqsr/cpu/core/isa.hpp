// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>   // EQSR_EXPECTS
#include <eqsr/core/target.hpp>  // EQSR_TARGET, EQSR_PORTABLE_NAME
#include <eqsr/core/version.hpp>

#include <string_view>  // string_view

namespace eqsr { inline namespace EQSR_ABI {

/// The instruction sets that the hot loops are compiled for. A program compiled for an old
/// processor carries all three and takes the best one at run time; one compiled with
/// -march=native carries only those from its own upwards.
enum class Isa { portable, avx2, avx512 };  // as EQSR_TARGET counts

constexpr const char* isa_name(Isa isa) {
  return isa == Isa::avx512 ? "AVX-512" : isa == Isa::avx2 ? "AVX2 with FMA" : EQSR_PORTABLE_NAME;
}

/// The one called `portable`, `avx2` or `avx512`. Throws `bad_argument` for another name.
inline Isa isa_called(std::string_view name) {
  EQSR_EXPECTS(name == "portable" || name == "avx2" || name == "avx512", "bad_argument",
               "There is no instruction set \"", name, "\"; use portable, avx2 or avx512.");
  return name == "avx512" ? Isa::avx512 : name == "avx2" ? Isa::avx2 : Isa::portable;
}

inline constexpr Isa lowest_isa = static_cast<Isa>(EQSR_TARGET);

/// The best instruction set of this processor.
inline Isa best_isa() {
#if defined(__x86_64__)
  static const Isa best = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
      return Isa::avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
    return Isa::portable;
  }();
  return best;
#else
  return Isa::portable;
#endif
}

}}  // namespace eqsr::EQSR_ABI
