// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

namespace eqsr { inline namespace EQSR_ABI {

/// How a CUDA context multiplies. Sums, softmax, normalisation and residuals are float32 in every
/// mode; coordinates and encodings have the same bits in every mode.
enum class Precision {
  float32,  ///< float32 products on the ordinary cores: the parity mode
  bf16x3,   ///< float32 split into two bfloat16, three products on tensor cores: near float32
  bf16,     ///< operands rounded to bfloat16, one product on tensor cores
};

namespace gpu {

/// float32 split into three bfloat16: how some products of the mode bf16x3 are computed, and no
/// mode of its own.
inline constexpr auto bf16x6 = static_cast<Precision>(3);

/// The precision of the products whose error hurts most: one step finer than the mode's.
constexpr Precision finer(Precision precision) {
  return precision == Precision::bf16     ? Precision::bf16x3
         : precision == Precision::bf16x3 ? bf16x6
                                          : precision;
}

}  // namespace gpu

}}  // namespace eqsr::EQSR_ABI
