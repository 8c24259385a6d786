// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/instance/cpu.hpp>  // EQSR_CPU_INSTANCE

/// `eqsr::lite`, the configuration of the shipped weights, on the CPU, from the library
/// eqsr::lite_cpu, without the kernels that <eqsr/eqsr.hpp> includes. Link that target.
namespace eqsr {
EQSR_CPU_INSTANCE(extern, lite)
}  // namespace eqsr
