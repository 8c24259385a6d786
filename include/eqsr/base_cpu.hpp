// SPDX-License-Identifier: Apache-2.0
#pragma once

/// `eqsr::base` on the CPU from the library eqsr::base_cpu, without the kernels.
#include <eqsr/instance/base_cpu.hpp>
