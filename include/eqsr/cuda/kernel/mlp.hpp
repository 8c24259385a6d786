// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/gemm.hpp>        // copy_channels, copy_weights
#include <eqsr/cuda/kernel/layer_norm.hpp>  // row_statistics

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// A perceptron in one kernel: y = residual + bias2 + W2 GELU(bias1 + W1 norm(x)), 64 rows a block.
///
/// The rows stay in shared memory, where they are normalised if there is a norm. The hidden layer
/// exists 64 columns at a time: sums, GELU, shared memory, left operand of the second product. The
/// weights of the next step arrive by cp.async meanwhile. Warps are 2 by 4: 32 rows, and a quarter
/// of the columns, each.
///
/// Where wanted, it also sums the hidden columns of its rows, in order. No block has rows of two
/// groups, so the sums of a group do not depend on which groups are computed together.
template <Precision P>
struct MlpBody {
  static constexpr int max_threads = 256, rows = 64, most_channels = 256;
  static constexpr int min_blocks = P == Precision::bf16 ? 2 : 1;
  using Wide = Engine<P, weight_columns>;  // second product: 64 columns a warp
  using Narrow = Engine<P, weight_columns / 4, weight_columns>;  // first product: 16 of 64
  using Operand = typename Wide::Operand;
  static constexpr int weights_of_step = Wide::planes * Wide::tile_size;
  static constexpr int hidden_pitch = tile_pitch(weight_columns);

  struct Params {
    const float* x;                        ///< (count, channels)
    const float *norm_weight, *norm_bias;  ///< (channels) or null
    const Operand *expand, *contract;      ///< packed as for GemmBody
    const float *expand_bias, *contract_bias;
    const float* residual;  ///< (count, channels) or null; may be y
    float* y;               ///< (count, channels) or null, if only the sums are wanted
    double* sums;           ///< (blocks, hidden) or null
    Index count, group;     ///< rows, and rows of a group
    int channels, hidden;
    float epsilon;
    bool vector, vector_out;  ///< whether rows of x, and of y and the residual, are aligned
  };

  EQSR_HD static constexpr int tiles(int columns) { return ceil_div(columns, weight_columns); }
  static constexpr int shared_bytes(int channels) {
    return rows * (tile_pitch(channels) + hidden_pitch) * int{sizeof(float)} +
           2 * tiles(channels) * weights_of_step * int{sizeof(Operand)};
  }

  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const int pitch = tile_pitch(p.channels), out_tiles = tiles(p.channels);
    const int inner = ceil_div(p.channels, tile_steps);
    const int tail = p.y ? weight_columns / tile_steps : 1, steps_of_tile = inner + tail;
    const int steps = tiles(p.hidden) * steps_of_tile;
    const Index blocks_of_group = ceil_div(p.group, rows);
    const Index group = exec.block() / blocks_of_group;
    const Index first_row = group * p.group + exec.block() % blocks_of_group * rows;
    const Index group_end = (group + 1) * p.group;
    const Index end = group_end < p.count ? group_end : p.count;
    const int left = static_cast<int>(end - first_row < rows ? end - first_row : rows);
    const auto input = exec.template shared<float>(0, rows * pitch);
    const auto hidden =
        exec.template shared<float>(rows * pitch * int{sizeof(float)}, rows * hidden_pitch);
    const auto weights = [&](int step) {
      const int size = out_tiles * weights_of_step;
      return exec.template shared<Operand>(rows * (pitch + hidden_pitch) * int{sizeof(float)} +
                                               step % 2 * size * int{sizeof(Operand)},
                                           size);
    };
    // Whether a step is one of the second product: the last tile may have rows of padding only.
    const auto contracts = [&](int step) {
      const int row =
          step / steps_of_tile * weight_columns + (step % steps_of_tile - inner) * tile_steps;
      return p.y && step % steps_of_tile >= inner && row < p.hidden;
    };
    const auto fetch = [&](int step) {
      const int tile = step / steps_of_tile, k = step % steps_of_tile;
      if (k < inner)
        copy_weights(exec, weights(step),
                     p.expand + (Index{k} * tiles(p.hidden) + tile) * weights_of_step,
                     weights_of_step, exec.thread(), max_threads);
      else if (contracts(step))
        copy_weights(exec, weights(step),
                     p.contract + Index{tile * tail + k - inner} * out_tiles * weights_of_step,
                     out_tiles * weights_of_step, exec.thread(), max_threads);
    };

    const int pieces = inner * tile_steps / 4;
    for (int i = exec.thread(); i < rows * pieces; i += max_threads) {
      const int r = i / pieces, k = i % pieces * 4;
      const bool inside = r < left;
      copy_channels(exec, input, r * pitch + k, inside ? p.x + (first_row + r) * p.channels : p.x,
                    k, p.channels, inside, p.vector);
    }
    fetch(0);
    exec.commit();
    if (p.norm_weight) {
      exec.template wait<0>();
      exec.sync();
      normalise(exec, p, input, pitch);
    }

    const int row_warp = exec.warp() % 2, column_warp = exec.warp() / 2;
    float inside[weight_columns / 4], out[weight_columns];
    EQSR_UNROLL
    for (int i = 0; i < weight_columns; ++i) out[i] = 0;
    for (int step = 0; step < steps; ++step) {
      exec.template wait<0>();
      exec.sync();
      if (step + 1 < steps) fetch(step + 1);
      exec.commit();
      const int tile = step / steps_of_tile, k = step % steps_of_tile;
      if (k < inner) {
        if (k == 0) {
          EQSR_UNROLL
          for (int i = 0; i < weight_columns / 4; ++i) inside[i] = 0;
        }
        Narrow::multiply(exec, input.at(row_warp * 32 * pitch + k * tile_steps), pitch,
                         weights(step).at(Narrow::b_offset(0, column_warp * 16)), inside);
        if (k == inner - 1)
          keep_hidden(exec, p, tile * weight_columns, row_warp, column_warp, inside, hidden);
        continue;
      }
      if (k == inner && p.sums) sum_hidden(exec, p, left, tile * weight_columns, hidden);
      if (contracts(step) && column_warp < out_tiles)
        Wide::multiply(exec, hidden.at(row_warp * 32 * hidden_pitch + (k - inner) * tile_steps),
                       hidden_pitch, weights(step).at(column_warp * weights_of_step), out);
    }
    exec.template wait<0>();
    if (p.y && column_warp < out_tiles)
      write(exec, p, first_row + row_warp * 32, first_row + left, column_warp * weight_columns,
            out);
  }

 private:
  template <class Exec>
  static EQSR_DEVICE void normalise(Exec& exec, const Params& p, const Shared<Exec, float>& input,
                                    int pitch) {
    for (int r = exec.warp(); r < rows; r += max_threads / 32) {
      const Float2 s = row_statistics(exec, p.channels, p.epsilon,
                                      [&](int c) { return input.load(r * pitch + c); });
      for (int c = exec.lane(); c < p.channels; c += 32) {
        const float normal = (input.load(r * pitch + c) - s.v[0]) * s.v[1];
        input.store(r * pitch + c,
                    normal * exec.load(p.norm_weight + c) + exec.load(p.norm_bias + c));
      }
    }
  }

  template <class Exec>
  static EQSR_DEVICE void keep_hidden(Exec& exec, const Params& p, int first, int row_warp,
                                      int column_warp, const float (&sums)[weight_columns / 4],
                                      const Shared<Exec, float>& hidden) {
    const int lane = exec.lane();
    EQSR_UNROLL
    for (int i = 0; i < weight_columns / 4; ++i) {
      const int n = column_warp * 16 + Narrow::column(lane, i);
      const float bias = first + n < p.hidden ? exec.load(p.expand_bias + first + n) : 0.0f;
      hidden.store((row_warp * 32 + Narrow::row(lane, i)) * hidden_pitch + n,
                   activate(exec, Activation::gelu, sums[i] + bias));
    }
  }

  template <class Exec>
  static EQSR_DEVICE void sum_hidden(Exec& exec, const Params& p, int left, int first,
                                     const Shared<Exec, float>& hidden) {
    const int n = exec.thread();
    if (n >= weight_columns || first + n >= p.hidden) return;
    // Eight numbers as float32, which many devices have more units for, and those as double.
    double sum = 0;
    for (int first_row = 0; first_row < left; first_row += 8) {
      float part = 0;
      EQSR_UNROLL
      for (int r = 0; r < 8; ++r)
        if (first_row + r < left) part += hidden.load((first_row + r) * hidden_pitch + n);
      sum += static_cast<double>(part);
    }
    exec.store(p.sums + Index{exec.block()} * p.hidden + first + n, sum);
  }

  template <class Exec>
  static EQSR_DEVICE void write(Exec& exec, const Params& p, Index first_row, Index end,
                                int first_column, float (&out)[weight_columns]) {
    const int lane = exec.lane();
    EQSR_UNROLL
    for (int i = 0; i < weight_columns; ++i) {
      const int o = first_column + Wide::column(lane, i);
      out[i] += o < p.channels ? exec.load(p.contract_bias + o) : 0.0f;
    }
    write_columns<Wide>(exec, out, p.residual, p.y, first_column, p.channels, p.vector_out,
                        [&](int s) {
                          const Index row = first_row + Wide::row_of_slot(lane, s);
                          const Index at = row < end ? row * p.channels : Index{-1};
                          return RowPlaces{at, at};
                        });
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
