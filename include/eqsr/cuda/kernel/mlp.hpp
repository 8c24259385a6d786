// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/gemm.hpp>        // copy_channels, copy_weights
#include <eqsr/cuda/kernel/layer_norm.hpp>  // row_statistics, warp_sum

#include <type_traits>  // conditional_t

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// A perceptron in one kernel: y = residual + bias2 + W2 GELU(bias1 + W1 norm(x)), 64 rows a block.
///
/// The rows stay in shared memory, normalised if there is a norm. The hidden layer exists 64
/// columns at a time: sums, GELU, shared memory, left operand of the second product. The weights of
/// the next step arrive by cp.async meanwhile. Warps are 2 by 4: 32 rows, and a quarter of the
/// columns, each.
///
/// Where one bfloat16 is the precision, rows and hidden layer are rounded once, on their way to
/// shared memory: half the bytes there, and no conversion by each of the four warps that read them.
/// The sums are then those of the rounded hidden layer, which is what the second product sees.
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
  static constexpr bool rounds = P == Precision::bf16;
  using Left = std::conditional_t<rounds, std::uint16_t, float>;  ///< rows and hidden layer

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
    return rows * (tile_pitch(channels) + hidden_pitch) * int{sizeof(Left)} +
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
    const auto input = exec.template shared<Left>(0, rows * pitch);
    const int hidden_byte = rows * pitch * int{sizeof(Left)};
    const auto hidden = exec.template shared<Left>(hidden_byte, rows * hidden_pitch);
    const auto weights = [&](int step) {
      const int size = out_tiles * weights_of_step;
      return exec.template shared<Operand>(rows * (pitch + hidden_pitch) * int{sizeof(Left)} +
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

    fetch(0);
    if constexpr (rounds) {
      exec.commit();
      round_rows(exec, p, first_row, left, pitch);
    } else {
      const int pieces = inner * step_pieces;
      for (int i = exec.thread(); i < rows * pieces; i += max_threads) {
        const int r = i / pieces, k = i % pieces * piece;
        const bool inside = r < left;
        copy_channels(exec, input, r * pitch + k, inside ? p.x + (first_row + r) * p.channels : p.x,
                      k, p.channels, inside, p.vector);
      }
      exec.commit();
      if (p.norm_weight) {
        exec.template wait<0>();
        exec.sync();
        normalise(exec, p, input, pitch);
      }
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
          keep_hidden(exec, p, tile * weight_columns, row_warp, column_warp, inside, hidden_byte);
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
  /// The rows of x as bfloat16, a warp eight of them: normalised if there is a norm, zeros where
  /// there is nothing. Four are loaded at once, so that they do not wait for one another.
  template <class Exec>
  static EQSR_DEVICE void round_rows(Exec& exec, const Params& p, Index first_row, int left,
                                     int pitch) {
    constexpr int together = 4, pairs = most_channels / 64;
    const auto input = exec.template shared<std::uint32_t>(0, rows * pitch / 2);
    const int lane = exec.lane(), columns = round_up(p.channels, tile_steps);
    for (int first = exec.warp() * 8; first < exec.warp() * 8 + 8; first += together) {
      float x[together][2 * pairs];
      EQSR_UNROLL
      for (int r = 0; r < together; ++r) {
        const float* row = p.x + (first_row + first + r) * p.channels;
        EQSR_UNROLL
        for (int j = 0; j < pairs; ++j) {
          const int c = 64 * j + 2 * lane;
          x[r][2 * j] = x[r][2 * j + 1] = 0;
          if (first + r >= left || c >= p.channels) continue;
          if (p.vector) {
            const Float2 two = exec.load2(row + c);
            x[r][2 * j] = two.v[0];
            x[r][2 * j + 1] = two.v[1];
          } else {
            x[r][2 * j] = exec.load(row + c);
            if (c + 1 < p.channels) x[r][2 * j + 1] = exec.load(row + c + 1);
          }
        }
      }
      EQSR_UNROLL
      for (int r = 0; r < together; ++r) {
        if (p.norm_weight) normalise(exec, p, x[r]);
        EQSR_UNROLL
        for (int j = 0; j < pairs; ++j) {
          const int c = 64 * j + 2 * lane;
          if (c < columns)
            input.store(((first + r) * pitch + c) / 2,
                        exec.pack_bf16(x[r][2 * j], x[r][2 * j + 1]));
        }
      }
    }
  }

  /// The norm of a row in registers: the lane's numbers are pairs of channels, 64 apart.
  template <class Exec, std::size_t Count>
  static EQSR_DEVICE void normalise(Exec& exec, const Params& p, float (&x)[Count]) {
    const auto channel = [&](int i) { return 64 * (i / 2) + 2 * exec.lane() + i % 2; };
    constexpr int count = int{Count};
    float sum = 0, squares = 0;
    EQSR_UNROLL
    for (int i = 0; i < count; ++i) sum += x[i];  // zero beyond the last channel
    const float mean = warp_sum(exec, sum) / static_cast<float>(p.channels);
    EQSR_UNROLL
    for (int i = 0; i < count; ++i) {
      const float d = channel(i) < p.channels ? x[i] - mean : 0.0f;
      squares += d * d;
    }
    const float variance = warp_sum(exec, squares) / static_cast<float>(p.channels);
    const float inverse = exec.inverse_sqrt(variance + p.epsilon);
    EQSR_UNROLL
    for (int i = 0; i < count; ++i) {
      const int c = channel(i);
      if (c < p.channels)
        x[i] = (x[i] - mean) * inverse * exec.load(p.norm_weight + c) + exec.load(p.norm_bias + c);
    }
  }

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
                                      int hidden_byte) {
    const int lane = exec.lane();
    float values[weight_columns / 4];
    EQSR_UNROLL
    for (int i = 0; i < weight_columns / 4; ++i) {
      const int n = first + column_warp * 16 + Narrow::column(lane, i);
      const float bias = n < p.hidden ? exec.load(p.expand_bias + n) : 0.0f;
      values[i] = activate(exec, Activation::gelu, sums[i] + bias);
    }
    const auto place = [&](int i) {
      return (row_warp * 32 + Narrow::row(lane, i)) * hidden_pitch + column_warp * 16 +
             Narrow::column(lane, i);
    };
    if constexpr (rounds) {  // neighbours are a pair of columns
      const auto hidden = exec.template shared<std::uint32_t>(hidden_byte, rows * hidden_pitch / 2);
      EQSR_UNROLL
      for (int i = 0; i < weight_columns / 4; i += 2)
        hidden.store(place(i) / 2, exec.pack_bf16(values[i], values[i + 1]));
    } else {
      const auto hidden = exec.template shared<float>(hidden_byte, rows * hidden_pitch);
      EQSR_UNROLL
      for (int i = 0; i < weight_columns / 4; ++i) hidden.store(place(i), values[i]);
    }
  }

  template <class Exec>
  static EQSR_DEVICE void sum_hidden(Exec& exec, const Params& p, int left, int first,
                                     const Shared<Exec, Left>& hidden) {
    const auto value = [&](int i) {
      if constexpr (rounds)
        return exec.as_float(std::uint32_t{hidden.load(i)} << 16);
      else
        return hidden.load(i);
    };
    const int n = exec.thread();
    if (n >= weight_columns || first + n >= p.hidden) return;
    // Eight numbers as float32, which many devices have more units for, and those as double.
    double sum = 0;
    for (int first_row = 0; first_row < left; first_row += 8) {
      float part = 0;
      EQSR_UNROLL
      for (int r = 0; r < 8; ++r)
        if (first_row + r < left) part += value((first_row + r) * hidden_pitch + n);
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
