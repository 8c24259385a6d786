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
#include "support/compare.hpp"
#include "support/module.hpp"

#include <list>  // list

namespace eqsr_test {

using eqsr::Cpu;
using eqsr::Cuda;
using eqsr::Precision;
using eqsr::Reference;

/// Where the layers of a context keep their parameters: the specification has them on the host.
template <class B>
using MemoryOf = std::conditional_t<std::is_same_v<B, Cuda>, Cuda, Cpu>;

/// Arrays in the memory of a backend, each with its own allocation, so that nothing beside it
/// belongs to it.
template <class B>
class Arrays {
 public:
  template <int C>
  eqsr::Plane<const float, C> in(const Map<C>& map) {
    auto& tensor = tensors_.emplace_back(map.h * map.w * C);
    tensor.copy_from_host(map.values.data());
    return eqsr::Plane<const float, C>(std::as_const(tensor).data(), map.h, map.w);
  }
  template <int C>
  eqsr::Rows<const float, C> in_rows(const Map<C>& map) {
    return eqsr::rows(in(map));
  }
  /// An output that begins with the values of a map.
  template <int C>
  eqsr::Plane<float, C> copy(const Map<C>& map) {
    const auto plane = in(map);
    return eqsr::Plane<float, C>(const_cast<float*>(plane.data()), map.h, map.w);
  }
  /// An output that holds NaN.
  template <int C>
  eqsr::Plane<float, C> out(Index h, Index w) {
    return copy(Map<C>(h, w));
  }
  template <class T, class... Axes>
  static std::vector<float> get(const eqsr::View<T, Axes...>& view) {
    std::vector<float> values(static_cast<std::size_t>(view.size()));
    eqsr::Memory<B>::to_host(values.data(), view.data(), values.size() * sizeof(float));
    return values;
  }

 private:
  std::list<eqsr::Tensor<B, float, eqsr::Axis<'m'>>> tensors_;
};

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
/// backend in every mode. On the emulation it also runs all threads in the opposite order: the bits
/// must be the same.
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
    FakeCuda::instance().backwards = true;
    Arrays<Cuda> again;
    CHECK(same_bits(compute(ctx, again), result));
    FakeCuda::instance().backwards = false;
#endif
  }
}

}  // namespace eqsr_test
