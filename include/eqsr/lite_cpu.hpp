// SPDX-License-Identifier: Apache-2.0
#pragma once

/// `eqsr::lite` on the CPU from the library eqsr::lite_cpu, without the kernels.
#include <eqsr/instance/lite_cpu.hpp>
