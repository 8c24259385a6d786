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
  bf16x6,   ///< float32 split into three: no mode of its own, but the finer step of bf16x3
};

/// The precision of the products whose error hurts most: one step finer than the mode's.
constexpr Precision finer(Precision precision) {
  return precision == Precision::bf16     ? Precision::bf16x3
         : precision == Precision::bf16x3 ? Precision::bf16x6
                                          : precision;
}

}}  // namespace eqsr::EQSR_ABI
