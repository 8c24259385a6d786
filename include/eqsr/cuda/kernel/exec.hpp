// SPDX-License-Identifier: Apache-2.0
#pragma once
// For the bodies too: ceil_div, round_up, Index, Precision, numbers of a known size.
#include <eqsr/core/math.hpp>
#include <eqsr/core/view.hpp>
#include <eqsr/cuda/precision.hpp>

#include <cstddef>  // size_t
#include <cstdint>

/// Kernel bodies and what they run on.
///
/// A body is a struct with `Params` (plain pointers and numbers), `max_threads` and
///
///     template <class Exec> static EQSR_DEVICE void run(Exec& exec, const Params& p);
///
/// `Exec` is the execution context: `gpu::Device` (device.cuh) on a GPU, an emulated block of
/// threads in the tests. It has
///
///     thread() lane() warp() threads() block() block_y()     who am I
///     load(p) load2(p) load4(p) store(p, v) store2(p, v)     global memory
///     shared<T>(byte, count)                                 a piece of shared memory, with
///                                                            load, load2, load4, store, store4, at
///     copy_async<bytes>(to, from, valid)                     cp.async; zeros unless valid
///     commit() wait<n>()                                     close a group; all but n have landed
///     sync() sync_warp() shuffle_xor(v, mask)                barriers, exchange
///     load_matrix(shared, offset, r)                         ldmatrix.x4
///     mma(d, a, b0, b1)                                      mma.m16n8k16, bfloat16 to float32
///     mul add div                                            rounded once, never contracted
///     exp erf sqrt sin_cos pack_bf16 as_float bits_of ...    arithmetic
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

/// Steps of the inner dimension that a tile in shared memory holds.
inline constexpr int tile_steps = 32;

/// Floats from one row of a tile of activations to the next. 8 more than a multiple of 32, so that
/// the eight rows and four pairs of columns that a warp reads at once lie in different banks.
EQSR_HD constexpr int tile_pitch(int columns) { return round_up(columns, tile_steps) + 8; }

}}}  // namespace eqsr::EQSR_ABI::gpu
