// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The library for nvcc: networks, weights and the CUDA backend, without Eigen. Needs C++20; see
/// docs/cuda.md. Image files: <eqsr/io/image.hpp>.
#include <eqsr/cuda/device.cuh>
#include <eqsr/cuda/kernels.cuh>
#include <eqsr/cuda/runtime.cuh>
#include <eqsr/net/composed.hpp>
#include <eqsr/pixels.hpp>
#include <eqsr/upscale.hpp>
