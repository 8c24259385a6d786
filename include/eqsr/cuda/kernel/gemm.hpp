// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/activation.hpp>  // activate_all
#include <eqsr/cuda/kernel/engine.hpp>      // Engine

/// The product of pixels with packed weights: linear layers, 1x1 and 3x3 convolutions.
namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// Columns of one packed tile of weights: one warp's width.
inline constexpr int weight_columns = 64;

/// Copies 16 bytes of a row of activations to shared memory, as far as they lie in the row: `k` is
/// the channel that they begin at. Rows whose length or address is not a multiple of 16 bytes go
/// number by number.
template <class Exec>
EQSR_DEVICE void copy_channels(Exec& exec, const Shared<Exec, float>& to, int i, const float* row,
                               int k, int channels, bool valid, bool vector) {
  if (vector) {
    const bool inside = valid && k < channels;
    exec.template copy_async<16>(to, i, inside ? row + k : row, inside);
    return;
  }
  EQSR_UNROLL
  for (int e = 0; e < 4; ++e) {
    const bool inside = valid && k + e < channels;
    exec.template copy_async<4>(to, i + e, inside ? row + k + e : row, inside);
  }
}

/// Copies whole tiles of packed weights, which have the order of shared memory already.
template <class Exec, class T>
EQSR_DEVICE void copy_weights(Exec& exec, const Shared<Exec, T>& to, const T* from, int count,
                              int thread, int threads) {
  constexpr int each = 16 / int{sizeof(T)};
  for (int i = thread * each; i < count; i += threads * each)
    exec.template copy_async<16>(to, i, from + i, true);
}

/// Where a row of the residual and of the result begins; negative: the row is not there.
struct RowPlaces {
  Index residual, result;
};

/// y = residual + values for a warp's 64 columns from `first_column` on. `place(slot)` says where
/// the rows begin that this lane has values of. `vector`: pairs of columns may be moved at once.
///
/// The residual may be y, so a store keeps the compiler from moving a load before it: the residuals
/// of several values are loaded, and then stored to.
template <class E, class Exec, class Place>
EQSR_DEVICE void write_columns(Exec& exec, const float (&values)[weight_columns],
                               const float* residual, float* y, int first_column, int columns,
                               bool vector, const Place& place) {
  constexpr int together = 16;
  const int lane = exec.lane();
  RowPlaces rows[std::size_t{E::slots}];
  EQSR_UNROLL
  for (int s = 0; s < E::slots; ++s) rows[s] = place(s);
  EQSR_UNROLL
  for (int first = 0; first < weight_columns; first += together) {
    float before[together];
    EQSR_UNROLL
    for (int i = 0; i < together; i += 2) {  // neighbours: a pair lies in one row
      const int o = first_column + E::column(lane, first + i);
      const RowPlaces& row = rows[E::slot(first + i)];
      before[i] = before[i + 1] = 0;
      if (!residual || row.residual < 0 || o >= columns) continue;
      if (vector) {
        const Float2 two = exec.load2(residual + row.residual + o);
        before[i] = two.v[0];
        before[i + 1] = two.v[1];
      } else {
        before[i] = exec.load(residual + row.residual + o);
        if (o + 1 < columns) before[i + 1] = exec.load(residual + row.residual + o + 1);
      }
    }
    EQSR_UNROLL
    for (int i = 0; i < together; i += 2) {
      const int o = first_column + E::column(lane, first + i);
      const RowPlaces& row = rows[E::slot(first + i)];
      if (row.result < 0 || o >= columns) continue;
      float* const to = y + row.result + o;
      const float a = before[i] + values[first + i], b = before[i + 1] + values[first + i + 1];
      if (vector) {
        exec.store2(to, a, b);
      } else {
        exec.store(to, a);
        if (o + 1 < columns) exec.store(to + 1, b);
      }
    }
  }
}

/// y = residual + activation(bias + scale(o) sum), 128 pixels by 64 to 192 outputs a block.
///
/// The inner dimension runs over the taps (1 or 9) and, within a tap, the channels, 32 steps at a
/// time; activations and weights of the next steps arrive by cp.async meanwhile. Warps 4 c to
/// 4 c + 3 have the c-th 64 outputs. A pixel's sums have one order, wherever it lies.
template <Precision P>
struct GemmBody {
  using E = Engine<P, weight_columns>;
  using Operand = typename E::Operand;
  static constexpr int rows = 128, row_warps = 4;
  static constexpr int max_column_warps = P == bf16x6 ? 2 : 3;  // three would spill
  static constexpr int max_threads = 32 * row_warps * max_column_warps;
  static constexpr int stages = P == Precision::bf16 ? 3 : 2;
  static constexpr int pitch = tile_pitch(tile_steps);
  static constexpr int weights_of_step = E::planes * E::tile_size;

  struct Params {
    const float* x;          ///< (pixels, inputs)
    const Operand* weights;  ///< (taps, ceil(inputs / 32), tiles) tiles of E's order
    const float* bias;       ///< (outputs) or null
    const float* scale;      ///< (outputs) or null
    const float* residual;   ///< (pixels, outputs) or null; may be y
    float* y;                ///< (pixels, outputs)
    Index pixels;
    int height, width;  ///< of the plane, if there are nine taps
    int inputs, outputs, tiles, taps;
    Activation activation;
    bool vector_in, vector_out;  ///< whether rows are multiples of 16 and 8 bytes
  };

  static constexpr int shared_bytes(int column_warps) {
    return rows * 2 * int{sizeof(int)} +
           stages *
               (rows * pitch * float_bytes + column_warps * weights_of_step * int{sizeof(Operand)});
  }

  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const int column_warps = exec.threads() / (32 * row_warps);
    const int first_tile = exec.block() % ceil_div(p.tiles, column_warps);
    const int own_tiles = min_of(column_warps, p.tiles - first_tile * column_warps);
    const Index first_row = Index{exec.block() / ceil_div(p.tiles, column_warps)} * rows;
    const auto places = exec.template shared<int>(0, rows * 2);
    for (int r = exec.thread(); r < rows; r += exec.threads()) {
      const Index pixel = first_row + r;
      const bool inside = pixel < p.pixels;
      places.store(2 * r, !inside ? -4 : p.taps == 1 ? 0 : static_cast<int>(pixel / p.width));
      places.store(2 * r + 1, p.taps == 1 ? 0 : static_cast<int>(pixel % p.width));
    }
    exec.sync();

    const int blocks = ceil_div(p.inputs, tile_steps), steps = p.taps * blocks;
    const int stage_bytes =
        rows * pitch * float_bytes + column_warps * weights_of_step * int{sizeof(Operand)};
    const auto left = [&](int stage) {
      return exec.template shared<float>(rows * 2 * int{sizeof(int)} + stage * stage_bytes,
                                         rows * pitch);
    };
    const auto right = [&](int stage) {
      return exec.template shared<Operand>(
          rows * 2 * int{sizeof(int)} + stage * stage_bytes + rows * pitch * float_bytes,
          column_warps * weights_of_step);
    };
    const auto fetch = [&](int step) {
      const int tap = step / blocks, channel = step % blocks * tile_steps;
      const int dy = p.taps == 1 ? 0 : tap / 3 - 1, dx = p.taps == 1 ? 0 : tap % 3 - 1;
      const auto to = left(step % stages);
      for (int i = exec.thread(); i < rows * step_pieces; i += exec.threads()) {
        const int r = i / step_pieces, k = i % step_pieces * piece;
        const int row = places.load(2 * r) + dy, column = places.load(2 * r + 1) + dx;
        const bool inside =
            p.taps == 1 ? row >= 0 : row >= 0 && row < p.height && column >= 0 && column < p.width;
        const Index pixel = first_row + r + Index{dy} * p.width + dx;
        copy_channels(exec, to, r * pitch + k, inside ? p.x + pixel * p.inputs : p.x, channel + k,
                      p.inputs, inside, p.vector_in);
      }
      copy_weights(
          exec, right(step % stages),
          p.weights + (Index{step} * p.tiles + first_tile * column_warps) * Index{weights_of_step},
          own_tiles * weights_of_step, exec.thread(), exec.threads());
    };

    EQSR_UNROLL
    for (int step = 0; step < stages - 1; ++step) {
      if (step < steps) fetch(step);
      exec.commit();
    }
    const int row_warp = exec.warp() % row_warps, column_warp = exec.warp() / row_warps;
    float sums[weight_columns];
    EQSR_UNROLL
    for (int i = 0; i < weight_columns; ++i) sums[i] = 0;
    for (int step = 0; step < steps; ++step) {
      exec.template wait<stages - 2>();
      exec.sync();
      if (step + stages - 1 < steps) fetch(step + stages - 1);
      exec.commit();
      if (column_warp < own_tiles)
        E::multiply(exec, left(step % stages).at(row_warp * 32 * pitch), pitch,
                    right(step % stages).at(column_warp * weights_of_step), sums);
    }
    exec.template wait<0>();
    if (column_warp >= own_tiles) return;
    const int column = (first_tile * column_warps + column_warp) * weight_columns;
    finish(exec, p, first_row + row_warp * 32, column, sums);
  }

 private:
  static EQSR_DEVICE int min_of(int a, int b) { return a < b ? a : b; }

  template <class Exec>
  static EQSR_DEVICE void finish(Exec& exec, const Params& p, Index first_row, int first_column,
                                 float (&sums)[weight_columns]) {
    const int lane = exec.lane();
    EQSR_UNROLL
    for (int i = 0; i < weight_columns; ++i) {
      const int o = first_column + E::column(lane, i);
      const bool inside = o < p.outputs;
      if (p.scale) sums[i] *= inside ? exec.load(p.scale + o) : 0.0f;
      if (p.bias) sums[i] += inside ? exec.load(p.bias + o) : 0.0f;
    }
    activate_all(exec, p.activation, sums);
    write_columns<E>(exec, sums, p.residual, p.y, first_column, p.outputs, p.vector_out,
                     [&](int s) {
                       const Index row = first_row + E::row_of_slot(lane, s);
                       const Index at = row < p.pixels ? row * p.outputs : Index{-1};
                       return RowPlaces{at, at};
                     });
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
