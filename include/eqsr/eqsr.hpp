// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The library for a C++ compiler: networks, weights and the CPU backend. Needs C++20 and -pthread;
/// no macro. Image files: <eqsr/io/image.hpp>. Eigen: <eqsr/cpu/core/eigen.hpp>.
#include <eqsr/cpu/core/compiler.hpp>

#include <eqsr/alpha.hpp>
#include <eqsr/cpu/kernels.hpp>
#include <eqsr/instance/cpu.hpp>
#include <eqsr/net/composed.hpp>
#include <eqsr/pixels.hpp>
#include <eqsr/upscale.hpp>

// Linking the CMake targets eqsr::base_cpu and eqsr::lite_cpu defines these: that network comes
// from the library and is not compiled again.
namespace eqsr {
#if defined(EQSR_LINKED_BASE_CPU)
EQSR_CPU_INSTANCE(extern, base)
#endif
#if defined(EQSR_LINKED_LITE_CPU)
EQSR_CPU_INSTANCE(extern, lite)
#endif
}  // namespace eqsr
