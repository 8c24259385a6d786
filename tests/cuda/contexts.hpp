// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the tests of the CUDA backend run on: a GPU where nvcc compiles them, else the emulation.
#if defined(__CUDACC__)
#include <eqsr/eqsr.cuh>
#else
#include <eqsr/cuda/kernels.cuh>
#include <eqsr/upscale.hpp>

#include "cuda/emulation/runtime.hpp"
#endif
#include "support/arrays.hpp"
#include "support/compare.hpp"

namespace eqsr_test {

using eqsr::Cpu;
using eqsr::Cuda;
using eqsr::Precision;
using eqsr::Reference;

/// A network small enough to run some hundreds of times.
inline constexpr eqsr::Config nano{.channels = 8,
                                   .depths = {2},
                                   .heads = 2,
                                   .window = 4,
                                   .latent = 8,
                                   .frequencies = 2,
                                   .image_skip = eqsr::ImageSkip::bicubic};

/// Where the layers of a context keep their parameters: the specification has them on the host.
template <class B>
using MemoryOf = std::conditional_t<std::is_same_v<B, Cuda>, Cuda, Cpu>;

/// How far a mode may be from the specification, for results whose standard deviation is at most
/// one; in proportion where it is larger.
struct Tolerances {
  double float32 = 2e-5, bf16x3 = 1e-4, bf16 = 5e-2;

  [[nodiscard]] double of(Precision precision) const {
    return precision == Precision::float32  ? float32
           : precision == Precision::bf16x3 ? bf16x3
                                            : bf16;
  }
};
inline constexpr Precision every_precision[] = {Precision::float32, Precision::bf16x3,
                                                Precision::bf16};

/// Calls `compute(ctx, arrays)`, which returns floats, on the specification and on the CUDA
/// backend in every mode. On the emulation it also runs all threads in the opposite order, and each
/// kernel as late as it may be: the bits must be the same.
template <class F>
void on_cuda(const F& compute, const Tolerances& allowed = {}) {
  eqsr::Context<Reference> reference;
  Arrays<Cpu> host;
  const std::vector<float> truth = compute(reference, host);
  double squares = 0;
  for (const float value : truth) squares += double(value) * double(value);
  const double size = std::max(1.0, std::sqrt(squares / double(std::max(truth.size(), 1UL))));
  for (const Precision precision : every_precision) {
    CAPTURE(int(precision));
    eqsr::Context<Cuda> ctx(0, precision);
    Arrays<Cuda> device;
    const auto result = compute(ctx, device);
    CHECK(near(result, truth, size * allowed.of(precision)));
#if !defined(__CUDACC__)
    FakeCuda::instance().backwards = FakeCuda::instance().late = true;
    Arrays<Cuda> again;
    CHECK(same_bits(compute(ctx, again), result));
    FakeCuda::instance().backwards = FakeCuda::instance().late = false;
#endif
  }
}

}  // namespace eqsr_test
