// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/instance.hpp>  // EQSR_CPU_INSTANCE

/// `eqsr::base`, the published configuration, on the CPU, from the library eqsr::base_cpu: what
/// <eqsr/eqsr.hpp> would compile in every program is compiled once. Link that target.
namespace eqsr {
EQSR_CPU_INSTANCE(extern, base)
}  // namespace eqsr
