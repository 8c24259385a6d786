// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/gemm.hpp>  // copy_channels, copy_weights
#include <eqsr/layer/involution.hpp>  // InvolutionShape

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// The first half of an involution block after its conv1, in one kernel, 8 x 8 pixels a block:
///   r = ReLU( reduce 3x3 (a) ),  k = expand(r) g,  v = involution(a, k),  y = residual + conv2(v)
/// Neither the kernels k nor the values v leave the chip.
///
/// First the 3x3 convolution as in GemmBody. Then 32 channels (4 groups) at a time: their 36
/// kernel numbers for each pixel, times the distance factor, into shared memory; the involution,
/// one channel a lane, whose values take the place of the pixel's kernels and are a left operand;
/// and that times its 32 rows of conv2. Warps are 2 by 4:
/// 32 pixels, and a quarter of the columns, each.
template <Precision P>
struct KrigingBlockBody {
  static constexpr int max_threads = 256, side = 8, rows = side * side, most_channels = 256;
  static constexpr int kernel_columns = InvolutionShape{tile_steps}.kernels();  // 36
  static constexpr int packed_columns = 48;
  static constexpr Precision fine = finer(P);
  using Wide = Engine<fine, weight_columns>;                     // conv2: 64 columns a warp
  using Narrow = Engine<P, weight_columns / 4, weight_columns>;  // reduce: 16 of 64
  using Kernels = Engine<fine, 16, packed_columns>;              // expand: 16 of 48
  using Operand = typename Wide::Operand;
  static constexpr int weights_of_step = Wide::planes * Wide::tile_size;
  static constexpr int reduce_of_step = Narrow::planes * Narrow::tile_size;
  static constexpr int expand_of_step = Kernels::planes * Kernels::tile_size;
  static constexpr int pitch = tile_pitch(tile_steps), reduced_pitch = tile_pitch(weight_columns);

  struct Params {
    const float *a, *residual;  ///< planes (height, width, channels) from their first row on
    float* y;
    Index a_first, residual_first, y_first;  ///< those rows; the residual may be y
    const Operand *reduce, *expand, *conv2;  ///< expand: (chunks, blocks) tiles of 48 columns
    const float *reduce_bias, *expand_bias, *conv2_bias;
    const float *row_factor, *column_factor;  ///< (height, 3), (width, 3)
    Index first_row, last_row, height, width;
    int channels, reduced;
    bool vector;  ///< whether rows are multiples of 16 bytes
  };

  static constexpr int tiles(int channels) { return ceil_div(channels, weight_columns); }
  static constexpr int blocks(int channels) { return ceil_div(channels, tile_steps); }

  /// Where the arrays lie in shared memory, in bytes. The stages of the convolution use the memory
  /// of what comes after it.
  struct Layout {
    int stage, stage_size, value, expand, conv2, end;
    EQSR_HD constexpr explicit Layout(int channels)
        : stage(rows * reduced_pitch * float_bytes),
          stage_size(rows * pitch * float_bytes + reduce_of_step * int{sizeof(Operand)}),
          value(stage),
          expand(value + rows * pitch * float_bytes),
          conv2(expand + 2 * expand_of_step * int{sizeof(Operand)}),
          end(conv2 + ceil_div(channels, weight_columns) * weights_of_step * int{sizeof(Operand)}) {
      if (end < stage + 2 * stage_size) end = stage + 2 * stage_size;
    }
  };

  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const int across = static_cast<int>(ceil_div(p.width, side));
    const Tile tile{p.first_row + Index{exec.block() / across} * side,
                    Index{exec.block() % across} * side, exec.warp() % 2, exec.warp() / 2};
    const Layout at(p.channels);
    const int out_tiles = ceil_div(p.channels, weight_columns);
    const int chunks = ceil_div(p.channels, tile_steps);
    const int reduced_blocks = ceil_div(p.reduced, tile_steps);
    const auto reduced = exec.template shared<float>(0, rows * reduced_pitch);
    reduce(exec, p, tile, at, reduced);

    const auto value = exec.template shared<float>(at.value, rows * pitch);
    const auto expand = exec.template shared<Operand>(at.expand, 2 * expand_of_step);
    const auto conv2 = exec.template shared<Operand>(at.conv2, out_tiles * weights_of_step);
    const auto fetch_expand = [&](int chunk) {
      const int size = reduced_blocks * expand_of_step;
      copy_weights(exec, expand, p.expand + Index{chunk} * size, size, exec.thread(), max_threads);
    };
    fetch_expand(0);
    exec.commit();
    float out[weight_columns];
    EQSR_UNROLL
    for (int i = 0; i < weight_columns; ++i) out[i] = 0;
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const int size = out_tiles * weights_of_step;
      copy_weights(exec, conv2, p.conv2 + Index{chunk} * size, size, exec.thread(), max_threads);
      exec.commit();
      exec.template wait<1>();
      exec.sync();  // this chunk's weights of `expand` are there
      if (tile.column_warp < packed_columns / 16)
        predict(exec, p, tile, chunk, reduced_blocks, reduced, expand, value);
      exec.sync();
      if (chunk + 1 < chunks) fetch_expand(chunk + 1);
      exec.commit();
      involve(exec, p, tile, chunk, value);
      exec.template wait<1>();
      exec.sync();  // values, and weights of conv2
      if (tile.column_warp < out_tiles)
        Wide::multiply(exec, value.at(tile.row_warp * 32 * pitch), pitch,
                       conv2.at(tile.column_warp * weights_of_step), out);
      exec.sync();
    }
    exec.template wait<0>();
    if (tile.column_warp < out_tiles) write(exec, p, tile, out);
  }

 private:
  struct Tile {
    Index y, x;  ///< upper left pixel
    int row_warp, column_warp;
  };

  /// The 3x3 convolution to the reduced channels, clipped at zero.
  template <class Exec>
  static EQSR_DEVICE void reduce(Exec& exec, const Params& p, const Tile& tile, const Layout& at,
                                 const Shared<Exec, float>& reduced) {
    const int inner = ceil_div(p.channels, tile_steps), steps = 9 * inner;
    const auto left = [&](int step) {
      return exec.template shared<float>(at.stage + step % 2 * at.stage_size, rows * pitch);
    };
    const auto right = [&](int step) {
      return exec.template shared<Operand>(
          at.stage + step % 2 * at.stage_size + rows * pitch * float_bytes, reduce_of_step);
    };
    const auto fetch = [&](int step) {
      const int tap = step / inner, channel = step % inner * tile_steps;
      for (int i = exec.thread(); i < rows * step_pieces; i += max_threads) {
        const int r = i / step_pieces, k = i % step_pieces * piece;
        const Index y = tile.y + r / side + tap / 3 - 1, x = tile.x + r % side + tap % 3 - 1;
        const bool inside = y >= 0 && y < p.height && y <= p.last_row && x >= 0 && x < p.width;
        const float* row = inside ? p.a + ((y - p.a_first) * p.width + x) * p.channels : p.a;
        copy_channels(exec, left(step), r * pitch + k, row, channel + k, p.channels, inside,
                      p.vector);
      }
      copy_weights(exec, right(step), p.reduce + Index{step} * reduce_of_step, reduce_of_step,
                   exec.thread(), max_threads);
    };
    float sums[weight_columns / 4];
    EQSR_UNROLL
    for (int i = 0; i < weight_columns / 4; ++i) sums[i] = 0;
    fetch(0);
    exec.commit();
    for (int step = 0; step < steps; ++step) {
      exec.template wait<0>();
      exec.sync();
      if (step + 1 < steps) fetch(step + 1);
      exec.commit();
      Narrow::multiply(exec, left(step).at(tile.row_warp * 32 * pitch), pitch,
                       right(step).at(Narrow::b_offset(0, tile.column_warp * 16)), sums);
    }
    const int lane = exec.lane();
    EQSR_UNROLL
    for (int i = 0; i < weight_columns / 4; ++i) {
      const int n = tile.column_warp * 16 + Narrow::column(lane, i);
      const float r = sums[i] + (n < p.reduced ? exec.load(p.reduce_bias + n) : 0.0f);
      reduced.store((tile.row_warp * 32 + Narrow::row(lane, i)) * reduced_pitch + n,
                    r < 0 ? 0.0f : r);
    }
    exec.sync();
  }

  /// The kernels of 4 groups for 32 pixels, times the distance factor.
  template <class Exec>
  static EQSR_DEVICE void predict(Exec& exec, const Params& p, const Tile& tile, int chunk,
                                  int reduced_blocks, const Shared<Exec, float>& reduced,
                                  const Shared<Exec, Operand>& expand,
                                  const Shared<Exec, float>& kernel) {
    float sums[16];
    EQSR_UNROLL
    for (int i = 0; i < 16; ++i) sums[i] = 0;
    for (int block = 0; block < reduced_blocks; ++block)
      Kernels::multiply(
          exec, reduced.at(tile.row_warp * 32 * reduced_pitch + block * tile_steps), reduced_pitch,
          expand.at(block * expand_of_step + Kernels::b_offset(0, tile.column_warp * 16)), sums);
    const int lane = exec.lane();
    EQSR_UNROLL
    for (int i = 0; i < 16; ++i) {
      const int n = tile.column_warp * 16 + Kernels::column(lane, i), tap = n % involution_taps;
      const int r = tile.row_warp * 32 + Kernels::row(lane, i);
      const Index y = tile.y + r / side, x = tile.x + r % side;
      if (n >= kernel_columns) continue;
      float k = 0;
      if (y < p.last_row && x < p.width &&
          chunk * kernel_columns + n < InvolutionShape{p.channels}.kernels())
        k = (sums[i] + exec.load(p.expand_bias + chunk * kernel_columns + n)) *
            (exec.load(p.row_factor + 3 * y + tap / 3) *
             exec.load(p.column_factor + 3 * x + tap % 3));
      kernel.store(r * pitch + n, k);
    }
  }

  /// The involution of 32 channels, one a lane; a warp has 8 pixels. A pixel's nine loads do not
  /// wait for one another: those outside of the plane read the pixel itself, and count nothing.
  template <class Exec>
  static EQSR_DEVICE void involve(Exec& exec, const Params& p, const Tile& tile, int chunk,
                                  const Shared<Exec, float>& value) {
    const int lane = exec.lane(), channel = chunk * tile_steps + lane;
    const Index down = p.width * p.channels;
    EQSR_ROLLED
    for (int i = 0; i < rows / (max_threads / 32); ++i) {
      const int r = exec.warp() * (rows / (max_threads / 32)) + i;
      const Index y = tile.y + r / side, x = tile.x + r % side;
      const int kernel = r * pitch + lane / involution_group * involution_taps;
      float sum = 0;
      if (y < p.last_row && x < p.width && channel < p.channels) {
        const float* const centre = p.a + ((y - p.a_first) * p.width + x) * p.channels + channel;
        const bool row[3] = {y > 0, true, y + 1 < p.height};
        const bool column[3] = {x > 0, true, x + 1 < p.width};
        float neighbour[std::size_t{involution_taps}];
        EQSR_UNROLL
        for (int tap = 0; tap < involution_taps; ++tap) {
          const Index offset = (tap / 3 - 1) * down + (tap % 3 - 1) * p.channels;
          const bool inside = row[tap / 3] && column[tap % 3];
          neighbour[tap] = exec.load(centre + (inside ? offset : 0));
        }
        EQSR_UNROLL
        for (int tap = 0; tap < involution_taps; ++tap) {
          const float more = sum + value.load(kernel + tap) * neighbour[tap];
          sum = row[tap / 3] && column[tap % 3] ? more : sum;
        }
      }
      exec.sync_warp();  // all lanes have read the pixel's kernels
      value.store(r * pitch + lane, sum);
    }
  }

  template <class Exec>
  static EQSR_DEVICE void write(Exec& exec, const Params& p, const Tile& tile,
                                float (&out)[weight_columns]) {
    const int lane = exec.lane(), first = tile.column_warp * weight_columns;
    EQSR_UNROLL
    for (int i = 0; i < weight_columns; ++i) {
      const int o = first + Wide::column(lane, i);
      out[i] += o < p.channels ? exec.load(p.conv2_bias + o) : 0.0f;
    }
    write_columns<Wide>(exec, out, p.residual, p.y, first, p.channels, p.vector, [&](int s) {
      const int r = tile.row_warp * 32 + Wide::row_of_slot(lane, s);
      const Index y = tile.y + r / side, x = tile.x + r % side;
      if (y >= p.last_row || x >= p.width) return RowPlaces{-1, -1};
      return RowPlaces{((y - p.residual_first) * p.width + x) * p.channels,
                       ((y - p.y_first) * p.width + x) * p.channels};
    });
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
