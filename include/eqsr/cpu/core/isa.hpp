// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>   // EQSR_EXPECTS
#include <eqsr/core/target.hpp>  // EQSR_TARGET, EQSR_PORTABLE_NAME
#include <eqsr/core/version.hpp>

#include <string_view>  // string_view
#if defined(_M_X64) && !defined(__x86_64__)
#include <intrin.h>
#endif

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
#elif defined(_M_X64)  // cl.exe, which has no hot loops but makes contexts for a library's
  static const Isa best = [] {
    int leaf[4], features[4];
    __cpuid(leaf, 1);
    __cpuidex(features, 7, 0);
    constexpr unsigned fma_and_saving = 1u << 12 | 1u << 27, avx2 = 1u << 5;
    constexpr unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
    const auto has = [](int bits, unsigned all) { return (unsigned(bits) & all) == all; };
    if (!has(leaf[2], fma_and_saving) || !has(features[1], avx2)) return Isa::portable;
    const auto saved = static_cast<unsigned>(_xgetbv(0));  // by the operating system
    if ((saved & 0xE6) == 0xE6 && has(features[1], avx512)) return Isa::avx512;
    return (saved & 6) == 6 ? Isa::avx2 : Isa::portable;
  }();
  return best;
#else
  return Isa::portable;
#endif
}

}}  // namespace eqsr::EQSR_ABI
