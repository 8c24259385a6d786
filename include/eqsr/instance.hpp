// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Networks of your own that are compiled once, in a library.
#include <eqsr/instance/cpu.hpp>  // EQSR_CPU_INSTANCE
