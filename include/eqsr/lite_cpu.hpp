// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/instance.hpp>  // EQSR_CPU_INSTANCE

/// `eqsr::lite`, the configuration of the shipped weights, on the CPU, from the library
/// eqsr::lite_cpu: what <eqsr/eqsr.hpp> would compile in every program is compiled once. Link that
/// target.
namespace eqsr {
EQSR_CPU_INSTANCE(extern, lite)
}  // namespace eqsr
