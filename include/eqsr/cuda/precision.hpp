// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

namespace eqsr::inline EQSR_ABI {

/// How a CUDA context multiplies. Sums, softmax, normalisation and residuals are float32 in every
/// mode; coordinates and encodings have the same bits in every mode.
enum class Precision {
  float32,  ///< float32 products on the ordinary cores: the parity mode
  bf16x3,   ///< float32 split into two bfloat16, three products on tensor cores: near float32
  bf16,     ///< operands rounded to bfloat16, one product on tensor cores
};

}  // namespace eqsr::inline EQSR_ABI
