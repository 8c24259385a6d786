// SPDX-License-Identifier: Apache-2.0
#pragma once
// For the bodies too: ceil_div, round_up, Index, Precision, numbers of a known size.
#include <eqsr/core/math.hpp>
#include <eqsr/core/view.hpp>
#include <eqsr/cuda/precision.hpp>

#include <concepts>  // same_as
#include <cstddef>   // size_t
#include <cstdint>

/// Kernel bodies and what they run on.
///
/// A body is a struct with `Params` (plain pointers and numbers), `max_threads` and
///
///     template <class Exec> static EQSR_DEVICE void run(Exec& exec, const Params& p);
///
/// `Exec` is the execution context: `gpu::Device` (device.cuh) on a GPU, an emulated block of
/// threads in the tests. What it has is the concept `Execution` below.
///
/// Every thread of a block reaches every barrier, and every lane of a warp every warp operation.
#if defined(__CUDACC__)
#define EQSR_DEVICE __device__ __forceinline__
#define EQSR_UNROLL _Pragma("unroll")
#define EQSR_ROLLED _Pragma("unroll 1")  // where unrolling would cost registers that spill
#else
#define EQSR_DEVICE inline
#define EQSR_UNROLL
#define EQSR_ROLLED
#endif

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// Neighbouring numbers that one instruction moves.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T v[std::size_t{N}];
};
using Float2 = Pack<float, 2>;
using Float4 = Pack<float, 4>;

/// The kind of a piece of shared memory on an execution context.
template <class Exec, class T>
using Shared = typename Exec::template Shared<T>;

/// A piece of shared memory: an array of T.
template <class S, class T>
concept SharedArray = requires(const S& shared, int i, T value, Pack<T, 4> four) {
  { shared.load(i) } -> std::same_as<T>;
  { shared.load2(i) } -> std::same_as<Pack<T, 2>>;
  { shared.load4(i) } -> std::same_as<Pack<T, 4>>;
  { shared.at(i) } -> std::same_as<S>;  // the same from element i on
  shared.store(i, value);
  shared.store4(i, four);
};

/// What a kernel body runs on: one thread of a block.
template <class E>
concept Execution = requires(const E& exec) {
  // Who am I?
  { exec.thread() } -> std::same_as<int>;
  { exec.lane() } -> std::same_as<int>;
  { exec.warp() } -> std::same_as<int>;
  { exec.threads() } -> std::same_as<int>;
  { exec.block() } -> std::same_as<int>;
  { exec.block_y() } -> std::same_as<int>;
}
&&requires(const E& exec, float* memory, const float* from, float a, double d) {
  // Global memory.
  { exec.load(from) } -> std::same_as<float>;
  { exec.load2(from) } -> std::same_as<Float2>;
  { exec.load4(from) } -> std::same_as<Float4>;
  exec.store(memory, a);
  exec.store2(memory, a, a);
  // Barriers, and the value of the lane whose number differs by a mask.
  exec.sync();
  exec.sync_warp();
  { exec.shuffle_xor(a, 1) } -> std::same_as<float>;
  { exec.shuffle_xor(d, 1) } -> std::same_as<double>;
}
&&requires(const E& exec, int byte, int count) {
  // Shared memory from a byte on.
  { exec.template shared<float>(byte, count) } -> SharedArray<float>;
  { exec.template shared<std::uint16_t>(byte, count) } -> SharedArray<std::uint16_t>;
}
&&requires(const E& exec, const Shared<E, float>& to, int i, const void* from, bool valid) {
  // cp.async of 4, 8 or 16 bytes, zeros unless valid; close a group; all groups but n have landed.
  exec.template copy_async<16>(to, i, from, valid);
  exec.commit();
  exec.template wait<1>();
}
&&requires(const E& exec, const Shared<E, std::uint16_t>& from, std::uint32_t (&r)[4],
           float (&d)[4]) {
  exec.load_matrix(from, 0, r);  // ldmatrix.x4
  exec.mma(d, r, r[0], r[1]);    // mma.m16n8k16, bfloat16 to float32
}
&&requires(const E& exec, float a, double d, std::uint32_t bits) {
  // Arithmetic: mul, add and div are rounded once, never contracted.
  { exec.mul(a, a) } -> std::same_as<float>;
  { exec.add(a, a) } -> std::same_as<float>;
  { exec.div(a, a) } -> std::same_as<float>;
  { exec.round_even(a) } -> std::same_as<float>;
  { exec.floor(a) } -> std::same_as<float>;
  { exec.exp(a) } -> std::same_as<float>;
  { exec.exp(d) } -> std::same_as<double>;
  { exec.exp_approximate(a) } -> std::same_as<float>;
  { exec.erf(a) } -> std::same_as<float>;
  { exec.inverse_sqrt(a) } -> std::same_as<float>;
  { exec.sqrt(d) } -> std::same_as<double>;
  { exec.sine(a) } -> std::same_as<float>;
  { exec.sine(d) } -> std::same_as<double>;
  { exec.cosine(d) } -> std::same_as<double>;
  { exec.as_float(bits) } -> std::same_as<float>;
  { exec.bits_of(a) } -> std::same_as<std::uint32_t>;
  { exec.pack_bf16(a, a) } -> std::same_as<std::uint32_t>;  // the first in the low half
};

/// Steps of the inner dimension that a tile in shared memory holds.
inline constexpr int tile_steps = 32;
/// Floats that one asynchronous copy moves at most, and how many such pieces hold a tile's steps.
inline constexpr int piece = 4, step_pieces = tile_steps / piece;
/// Of a float in shared memory, whose arrays begin at bytes.
inline constexpr int float_bytes = sizeof(float);

/// Floats from one row of a tile of activations to the next. 8 more than a multiple of 32, so that
/// the eight rows and four pairs of columns that a warp reads at once lie in different banks.
EQSR_HD constexpr int tile_pitch(int columns) { return round_up(columns, tile_steps) + 8; }

}}}  // namespace eqsr::EQSR_ABI::gpu
