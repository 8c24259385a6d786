// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The library for a C++ compiler: networks, weights and the CPU backend. Needs C++20, Eigen's
/// include path and -pthread; no macro. Image files: <eqsr/io/image.hpp>.
#include <eqsr/alpha.hpp>
#include <eqsr/cpu/kernels.hpp>
#include <eqsr/upscale.hpp>
