// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec, Shared

/// The product engines: one warp multiplies 32 rows by N columns, 32 steps at a time.
///
/// The left operand is float32 in shared memory, whatever the precision, or was rounded to bfloat16
/// on its way there, where that is the precision; the right operand is a tile in the engine's own
/// order, `b_offset(k, n)`, which the weights are packed in; the tile has `Width` columns, and the
/// warp's N begin at element `b_offset(0, first)`, a multiple of 16. The sums stay in registers:
/// value i of a lane belongs to row `row(lane, i)` and column `column(lane, i)`.
/// Everything above this file is the same for every precision; an engine on wgmma would replace
/// this file and the loads of its operands.
namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

template <Precision P, int N, int Width = N>
struct Engine;

/// float32 on the ordinary cores: a lane has 8 rows and N/8 columns.
template <int N, int Width>
struct Engine<Precision::float32, N, Width> {
  using Operand = float;
  static constexpr int planes = 1;
  static constexpr int tile_size = tile_steps * Width;  ///< operands of a right tile
  static constexpr int slots = 8;                       ///< rows that a lane has values of
  static constexpr int row_lanes = 8;                   ///< lanes that share a row
  static constexpr int per_row = N / 8;
  static constexpr int vector = per_row < 4 ? per_row : 4;

  EQSR_HD static constexpr int slot(int i) { return i / per_row; }
  EQSR_HD static constexpr int row_of_slot(int lane, int s) { return s * 4 + lane / 8; }
  EQSR_HD static constexpr int row(int lane, int i) { return row_of_slot(lane, slot(i)); }
  EQSR_HD static constexpr int column(int lane, int i) {
    const int j = i % per_row;
    return j / vector * (8 * vector) + lane % 8 * vector + j % vector;
  }
  EQSR_HD static constexpr int b_offset(int k, int n) { return k * Width + n; }

  template <class Exec>
  static EQSR_DEVICE void store_b(Exec&, const Shared<Exec, float>& b, int k, int n, float value) {
    b.store(b_offset(k, n), value);
  }

  /// sums += a b over 32 steps; row r of `a` begins at r * pitch.
  template <class Exec>
  static EQSR_DEVICE void multiply(Exec& exec, const Shared<Exec, float>& a, int pitch,
                                   const Shared<Exec, float>& b, float (&sums)[std::size_t{N}]) {
    const int lane = exec.lane();
    for (int k = 0; k < tile_steps; k += 4) {
      Float4 left[slots];
      EQSR_UNROLL
      for (int s = 0; s < slots; ++s) left[s] = a.load4(row_of_slot(lane, s) * pitch + k);
      EQSR_UNROLL
      for (int step = 0; step < 4; ++step) {
        float right[std::size_t{per_row}];
        EQSR_UNROLL
        for (int j = 0; j < per_row; j += vector) {
          const int at = b_offset(k + step, column(lane, j));
          if constexpr (vector == 4) {
            const Float4 four = b.load4(at);
            EQSR_UNROLL
            for (int e = 0; e < 4; ++e) right[j + e] = four.v[e];
          } else {
            const Float2 two = b.load2(at);
            right[j] = two.v[0];
            right[j + 1] = two.v[1];
          }
        }
        EQSR_UNROLL
        for (int s = 0; s < slots; ++s) {
          EQSR_UNROLL
          for (int j = 0; j < per_row; ++j) sums[s * per_row + j] += left[s].v[step] * right[j];
        }
      }
    }
  }

  /// out += p b, where p are the values of this engine and b has a tile of NO columns for each 32.
  /// The values pass through `scratch`, 32 rows of tile_pitch(32), half of the columns at a time.
  template <std::size_t NO, class Exec>
  static EQSR_DEVICE void multiply_values(Exec& exec, const float (&p)[std::size_t{N}],
                                          const Shared<Exec, float>& scratch,
                                          const Shared<Exec, float>& b, float (&out)[NO]) {
    constexpr int pitch = tile_pitch(tile_steps);
    const int lane = exec.lane();
    EQSR_UNROLL
    for (int half = 0; half < N / tile_steps; ++half) {
      exec.sync_warp();
      EQSR_UNROLL
      for (int i = 0; i < N; ++i)
        if (column(0, i) / tile_steps == half)
          scratch.store(row(lane, i) * pitch + column(lane, i) % tile_steps, p[i]);
      exec.sync_warp();
      Engine<Precision::float32, int{NO}>::multiply(
          exec, scratch, pitch, b.at(half * Engine<Precision::float32, int{NO}>::tile_size), out);
    }
  }
};

/// bfloat16 on tensor cores with mma.m16n8k16: a lane has 2 x N/8 fragments of 4 sums. An operand
/// is the sum of its planes: the number rounded to bfloat16, the rest rounded again, and so on. Of
/// the products of planes i and j those with i + j < Planes count: 1, 3 or 6.
///
/// Tensor cores cut sums off instead of rounding them, always towards zero: an error of up to an
/// ulp of the sum with each instruction. Where there are several planes, 32 steps are summed by
/// themselves and join the total by one rounded addition.
template <int N, int Width, int Planes>
struct MmaEngine {
  using Operand = std::uint16_t;
  static constexpr int planes = Planes;
  static constexpr int tile_size = tile_steps * Width;
  static constexpr int slots = 4;
  static constexpr int row_lanes = 4;

  EQSR_HD static constexpr int slot(int i) { return i / (N / 2) * 2 + i % 4 / 2; }
  EQSR_HD static constexpr int row_of_slot(int lane, int s) { return s * 8 + lane / 4; }
  EQSR_HD static constexpr int row(int lane, int i) { return row_of_slot(lane, slot(i)); }
  EQSR_HD static constexpr int column(int lane, int i) {
    return i / 4 % (N / 8) * 8 + lane % 4 * 2 + i % 2;
  }
  /// Column n is a run of 32 steps in 4 pieces of 16 bytes. The pieces change places from column
  /// to column, so that the eight columns that ldmatrix reads at once lie in different banks.
  EQSR_HD static constexpr int b_offset(int k, int n) {
    return n * tile_steps + ((k / 8 ^ (n / 2 & 3)) * 8) + k % 8;
  }

  template <class Exec>
  static EQSR_DEVICE void store_b(Exec& exec, const Shared<Exec, Operand>& b, int k, int n,
                                  float value) {
    EQSR_UNROLL
    for (int plane = 0; plane < Planes; ++plane) {
      const std::uint32_t part = exec.pack_bf16(value, 0.0f);
      b.store(plane * tile_size + b_offset(k, n), static_cast<Operand>(part & 0xffffU));
      value -= exec.as_float(part << 16);
    }
  }

  /// Four registers of an operand: what ldmatrix would give, one array a plane.
  struct Fragment {
    std::uint32_t part[std::size_t{Planes}][4];

    template <class Exec>
    EQSR_DEVICE void set(Exec& exec, int r, float x0, float x1) {
      EQSR_UNROLL
      for (int plane = 0; plane < Planes; ++plane) {
        part[plane][r] = exec.pack_bf16(x0, x1);
        x0 -= exec.as_float(part[plane][r] << 16);
        x1 -= exec.as_float(part[plane][r] & 0xffff0000U);
      }
    }
  };

  template <class Exec>
  static EQSR_DEVICE void multiply(Exec& exec, const Shared<Exec, float>& a, int pitch,
                                   const Shared<Exec, Operand>& b, float (&sums)[std::size_t{N}]) {
    const int lane = exec.lane();
    Fragment left[2][2];  // 16 steps, 16 rows
    EQSR_UNROLL
    for (int step = 0; step < 2; ++step) {
      EQSR_UNROLL
      for (int tile = 0; tile < 2; ++tile) {
        EQSR_UNROLL
        for (int r = 0; r < 4; ++r) {
          const int row = tile * 16 + r % 2 * 8 + lane / 4;
          const int k = step * 16 + r / 2 * 8 + lane % 4 * 2;
          const Float2 two = a.load2(row * pitch + k);
          left[step][tile].set(exec, r, two.v[0], two.v[1]);
        }
      }
    }
    multiply_fragments(exec, left, b, sums);
  }

  /// The same for a left operand that is bfloat16 already. Rows begin at multiples of 16 bytes, and
  /// a pitch of tile_pitch() keeps the eight that ldmatrix reads at once in different banks.
  template <class Exec>
  static EQSR_DEVICE void multiply(Exec& exec, const Shared<Exec, Operand>& a, int pitch,
                                   const Shared<Exec, Operand>& b, float (&sums)[std::size_t{N}]) {
    static_assert(Planes == 1);
    const int lane = exec.lane();
    Fragment left[2][2];
    EQSR_UNROLL
    for (int step = 0; step < 2; ++step) {
      EQSR_UNROLL
      for (int tile = 0; tile < 2; ++tile)
        exec.load_matrix(a, (tile * 16 + lane % 16) * pitch + step * 16 + lane / 16 * 8,
                         left[step][tile].part[0]);
    }
    multiply_fragments(exec, left, b, sums);
  }

  template <std::size_t NO, class Exec>
  static EQSR_DEVICE void multiply_values(Exec& exec, const float (&p)[std::size_t{N}],
                                          const Shared<Exec, float>&,
                                          const Shared<Exec, Operand>& b, float (&out)[NO]) {
    using Next = MmaEngine<int{NO}, int{NO}, Planes>;
    EQSR_UNROLL
    for (int half = 0; half < N / tile_steps; ++half) {
      typename Next::Fragment left[2][2];
      EQSR_UNROLL
      for (int step = 0; step < 2; ++step) {
        EQSR_UNROLL
        for (int tile = 0; tile < 2; ++tile) {
          EQSR_UNROLL
          for (int r = 0; r < 4; ++r) {
            // The sums of two 8-column fragments are, in place, an operand of 16 steps.
            const int fragment = half * 4 + step * 2 + r / 2;
            const int at = tile * (N / 2) + fragment * 4 + r % 2 * 2;
            left[step][tile].set(exec, r, p[at], p[at + 1]);
          }
        }
      }
      Next::multiply_fragments(exec, left, b.at(half * Planes * Next::tile_size), out);
    }
  }

  template <class Exec, class F>
  static EQSR_DEVICE void multiply_fragments(Exec& exec, const F (&left)[2][2],
                                             const Shared<Exec, Operand>& b,
                                             float (&sums)[std::size_t{N}]) {
    const int lane = exec.lane();
    EQSR_UNROLL
    for (int j = 0; j < N / 8; ++j) {
      std::uint32_t right[std::size_t{Planes}][4];
      EQSR_UNROLL
      for (int plane = 0; plane < Planes; ++plane)
        exec.load_matrix(b, plane * tile_size + b_offset(lane / 8 * 8, j * 8 + lane % 8),
                         right[plane]);
      EQSR_UNROLL
      for (int tile = 0; tile < 2; ++tile) {
        float four[4];
        const int at = tile * (N / 2) + j * 4;
        EQSR_UNROLL
        for (int e = 0; e < 4; ++e) four[e] = Planes > 1 ? 0.0f : sums[at + e];
        EQSR_UNROLL
        for (int step = 0; step < 2; ++step) {
          EQSR_UNROLL
          for (int order = Planes - 1; order >= 0; --order)  // the small products first
            EQSR_UNROLL
          for (int i = 0; i <= order; ++i)
            exec.mma(four, left[step][tile].part[i], right[order - i][2 * step],
                     right[order - i][2 * step + 1]);
        }
        EQSR_UNROLL
        for (int e = 0; e < 4; ++e) sums[at + e] = Planes > 1 ? sums[at + e] + four[e] : four[e];
      }
    }
  }
};

template <int N, int Width>
struct Engine<bf16x6, N, Width> : MmaEngine<N, Width, 3> {};
template <int N, int Width>
struct Engine<Precision::bf16x3, N, Width> : MmaEngine<N, Width, 2> {};
template <int N, int Width>
struct Engine<Precision::bf16, N, Width> : MmaEngine<N, Width, 1> {};

}}}  // namespace eqsr::EQSR_ABI::gpu
