// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/engine.hpp>      // Engine
#include <eqsr/layer/window_attention.hpp>  // shift_region, shift_mask

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// i / n by a product, for n < 256 and 0 <= i < n² + 128: 2^24 / n, rounded up, is too large by
/// less than 1, so a product by i by less than 2^24 / n.
struct Divisor {
  int n;
  std::uint32_t factor;
  EQSR_HD constexpr explicit Divisor(int by = 1)
      : n(by),
        factor(((std::uint32_t{1} << 24) + static_cast<std::uint32_t>(by) - 1) /
               static_cast<std::uint32_t>(by)) {}
  [[nodiscard]] EQSR_HD constexpr int quotient(int i) const {
    return static_cast<int>(static_cast<std::uint32_t>(i) * factor >> 24);
  }
  [[nodiscard]] EQSR_HD constexpr int remainder(int i) const { return i - quotient(i) * n; }
};

struct AttentionParams {
  const float* qkv;    ///< (height, width, [3][heads][channels])
  const float* table;  ///< (rows, heads)
  float* y;            ///< (height, width, [heads][channels])
  int height, width, heads, channels;
  int window, key_window, shift;
  bool overlapping;                      ///< which way the table is filled
  Divisor by_window{}, by_key_window{};  ///< with the parameters, where they take no register
  int piece = 4;    ///< bytes that a row of a head can be copied by: 4, 8 or 16
  float scale = 1;  ///< channels^-1/2
};

/// Attention of M x M queries to Mo x Mo keys, one window and head a block: window attention
/// (Mo = M) and overlapping attention. Scores live in registers only.
///
/// A block has up to 128 queries, 32 a warp, and goes through the keys 64 at a time, or 32 where
/// heads are wide: scores, the running maximum and sum of the softmax, values. The keys and values
/// of the next round arrive by cp.async meanwhile. With windows of up to 16 and keys of up to 24 a
/// side this fits 99 KiB of shared memory.
///
/// The bias of query (yi, xi) and key (yj, xj) is `table[offset(j) - offset(i) + first]` with
/// offset = y (M + Mo - 1) + x: the relative position, as a formula. Both operators only differ in
/// how that table is filled from the parameters. The mask of a shifted window compares regions.
template <Precision P, int D>  // D: the head's channels, rounded up to 32 or 64
struct AttentionBody {
  static constexpr int keys = D <= 32 ? 64 : 32;
  static constexpr int warps = 4, queries = 32 * warps, max_threads = 32 * warps;
  /// Rounds of keys that there is room for as they came.
  static constexpr int stages = P == Precision::float32 && D > 32 ? 1 : 2;
  using Scores = Engine<P, keys>;
  using Values = Engine<P, D>;
  using Operand = typename Scores::Operand;
  static constexpr int pitch = tile_pitch(D), key_blocks = D / tile_steps, raw_pitch = D;
  static constexpr int value_tiles = keys / tile_steps;
  /// Floats: without tensor cores scores take a way through shared memory to be multiplied.
  static constexpr int scratch_size =
      P == Precision::float32 ? warps * 32 * tile_pitch(tile_steps) : 0;
  static constexpr float lowest = -3e38f;

  using Params = AttentionParams;

  /// Where the arrays lie in shared memory, in bytes.
  struct Layout {
    int query, raw, key, value, place, bias, scratch, end;
    EQSR_HD constexpr explicit Layout(int bias_size)
        : query(0),
          raw(query + queries * pitch * float_bytes),
          key(raw + stages * 2 * keys * raw_pitch * float_bytes),
          value(key + key_blocks * Scores::planes * Scores::tile_size * int{sizeof(Operand)}),
          place(value + value_tiles * Values::planes * Values::tile_size * int{sizeof(Operand)}),
          bias(place + 2 * keys * int{sizeof(int)}),
          scratch(bias + round_up(bias_size * float_bytes, 16)),
          end(scratch + scratch_size * float_bytes) {}
  };
  static constexpr int bias_size(int window, int key_window) {
    return (window + key_window - 1) * (window + key_window - 1);
  }

  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const int M = p.window, Mo = p.key_window, side = M + Mo - 1, key_count = Mo * Mo;
    const int chunks = ceil_div(M * M, queries);
    const int across = p.width / M, window = exec.block() / chunks;
    const Window w{window / across * M, window % across * M, exec.block_y(),
                   exec.block() % chunks * queries};
    const Layout at(side * side);
    const auto query = exec.template shared<float>(at.query, queries * pitch);
    const auto raw = exec.template shared<float>(at.raw, stages * 2 * keys * raw_pitch);
    const auto key =
        exec.template shared<Operand>(at.key, key_blocks * Scores::planes * Scores::tile_size);
    const auto value =
        exec.template shared<Operand>(at.value, value_tiles * Values::planes * Values::tile_size);
    const auto place = exec.template shared<int>(at.place, 2 * keys);
    const auto bias = exec.template shared<float>(at.bias, side * side);
    const auto scratch = exec.template shared<float>(at.scratch, scratch_size);

    fetch_queries(exec, p, w, query);
    fetch_keys(exec, p, w, 0, raw);
    exec.commit();
    fill_bias(exec, p, w.head, bias);

    // What this lane knows of its queries.
    const int lane = exec.lane(), warp = exec.warp();
    int offset[Scores::slots], region[Scores::slots];
    float largest[Scores::slots], total[Scores::slots];
    EQSR_UNROLL
    for (int s = 0; s < Scores::slots; ++s) {
      const int i = w.first + warp * 32 + Scores::row_of_slot(lane, s);
      const int y = p.by_window.quotient(i), x = p.by_window.remainder(i);
      offset[s] = (M - 1) * (side + 1) - (i < M * M ? y * side + x : 0);
      region[s] = p.shift > 0 && i < M * M ? region_of(p, w.y + y, w.x + x) : 0;
      largest[s] = lowest;
      total[s] = 0;
    }
    float out[std::size_t{D}];
    EQSR_UNROLL
    for (int i = 0; i < D; ++i) out[i] = 0;

    for (int first = 0, stage = 0; first < key_count; first += keys, stage ^= stages - 1) {
      const auto fetch_next = [&] {
        if (first + keys < key_count)
          fetch_keys(exec, p, w, first + keys,
                     raw.at((stage ^ (stages - 1)) * 2 * keys * raw_pitch));
        exec.commit();
      };
      if (stages == 2) fetch_next();
      exec.template wait<stages - 1>();
      exec.sync();  // the copies of all threads have landed; the last round's reads are over
      order_keys(exec, p, w, first, raw.at(stage * 2 * keys * raw_pitch), key, value, place);
      exec.sync();
      if (stages == 1) fetch_next();

      float score[std::size_t{keys}];
      EQSR_UNROLL
      for (int i = 0; i < keys; ++i) score[i] = 0;
      EQSR_UNROLL
      for (int block = 0; block < key_blocks; ++block)
        Scores::multiply(exec, query.at(warp * 32 * pitch + block * tile_steps), pitch,
                         key.at(block * Scores::planes * Scores::tile_size), score);
      update_softmax(exec, p, place, bias, offset, region, score, largest, total, out);
      Scores::template multiply_values<D>(
          exec, score,
          P == Precision::float32 ? scratch.at(warp * 32 * tile_pitch(tile_steps)) : scratch, value,
          out);
    }
    exec.template wait<0>();
    write(exec, p, w, total, out);
  }

 private:
  struct Window {
    int y, x, head, first;  ///< upper left pixel, head, first query of this block
  };
  /// The pieces that a row of a head is copied by.
  struct Pieces {
    int each, shift;  ///< floats of one; 2^shift of them are a row
    EQSR_HD explicit Pieces(int bytes)
        : each(bytes / float_bytes), shift((D == 32 ? 5 : 6) - each / 2) {}  // each is 1, 2 or 4
    static_assert(D == 32 || D == 64);
    [[nodiscard]] EQSR_HD int row(int n) const { return n >> shift; }
    [[nodiscard]] EQSR_HD int column(int n) const { return (n & ((1 << shift) - 1)) * each; }
  };

  template <class Exec>
  static EQSR_DEVICE void copy_head(Exec& exec, const Params& p, const Shared<Exec, float>& to,
                                    int i, const float* from, int k, bool valid) {
    const bool inside = valid && k < p.channels;
    const float* source = inside ? from + k : p.qkv;
    if (p.piece == 16)
      exec.template copy_async<16>(to, i, source, inside);
    else if (p.piece == 8)
      exec.template copy_async<8>(to, i, source, inside);
    else
      exec.template copy_async<4>(to, i, source, inside);
  }

  template <class Exec>
  static EQSR_DEVICE void fetch_queries(Exec& exec, const Params& p, const Window& w,
                                        const Shared<Exec, float>& query) {
    const Pieces pieces(p.piece);
    const int C = p.heads * p.channels;
    for (int n = exec.thread(); n < queries << pieces.shift; n += max_threads) {
      const int row = pieces.row(n), k = pieces.column(n), i = w.first + row;
      const bool inside = i < p.window * p.window;
      const int y = wrapped(w.y + p.by_window.quotient(i) + p.shift, p.height);
      const int x = wrapped(w.x + p.by_window.remainder(i) + p.shift, p.width);
      const Index pixel = inside ? Index{y} * p.width + x : 0;
      copy_head(exec, p, query, row * pitch + k, p.qkv + pixel * 3 * C + w.head * p.channels, k,
                inside);
    }
  }

  /// The keys [first, first + 64) and their values; zeros outside the image and beyond the last.
  template <class Exec>
  static EQSR_DEVICE void fetch_keys(Exec& exec, const Params& p, const Window& w, int first,
                                     const Shared<Exec, float>& raw) {
    const Pieces pieces(p.piece);
    const int C = p.heads * p.channels;
    const int border = (p.key_window - p.window) / 2;
    for (int n = exec.thread(); n < keys << pieces.shift; n += max_threads) {
      const int row = pieces.row(n), k = pieces.column(n), j = first + row;
      int y = w.y + p.by_key_window.quotient(j) - border,
          x = w.x + p.by_key_window.remainder(j) - border;
      bool inside = j < p.key_window * p.key_window;
      if (p.overlapping) {
        inside = inside && y >= 0 && y < p.height && x >= 0 && x < p.width;
      } else {
        y = wrapped(y + p.shift, p.height);
        x = wrapped(x + p.shift, p.width);
      }
      const Index pixel = inside ? Index{y} * p.width + x : 0;
      const float* from = p.qkv + pixel * 3 * C + C + w.head * p.channels;
      copy_head(exec, p, raw, row * raw_pitch + k, from, k, inside);
      copy_head(exec, p, raw, (keys + row) * raw_pitch + k, from + C, k, inside);
    }
  }

  /// Entry e is the bias of a key at offset e - first from the query.
  template <class Exec>
  static EQSR_DEVICE void fill_bias(Exec& exec, const Params& p, int head,
                                    const Shared<Exec, float>& bias) {
    const int M = p.window, Mo = p.key_window, side = M + Mo - 1, size = side * side;
    for (int e = exec.thread(); e < size; e += max_threads) {
      const int row = p.overlapping ? (e + (2 - Mo) * (side + 1) + size) % size : size - 1 - e;
      bias.store(e, exec.load(p.table + Index{row} * p.heads + head));
    }
  }

  /// Brings keys and values into the order of the engines, and says where the keys are.
  template <class Exec>
  static EQSR_DEVICE void order_keys(Exec& exec, const Params& p, const Window& w, int first,
                                     const Shared<Exec, float>& raw,
                                     const Shared<Exec, Operand>& key,
                                     const Shared<Exec, Operand>& value,
                                     const Shared<Exec, int>& place) {
    for (int n = exec.thread(); n < keys * D; n += max_threads) {
      const int j = n / D, k = n % D;
      Scores::store_b(exec, key.at(k / tile_steps * Scores::planes * Scores::tile_size),
                      k % tile_steps, j, raw.load(j * raw_pitch + k));
      Values::store_b(exec, value.at(j / tile_steps * Values::planes * Values::tile_size),
                      j % tile_steps, k, raw.load((keys + j) * raw_pitch + k));
    }
    const int side = p.window + p.key_window - 1;
    for (int n = exec.thread(); n < keys; n += max_threads) {
      const int j = first + n, y = p.by_key_window.quotient(j), x = p.by_key_window.remainder(j);
      const bool inside = j < p.key_window * p.key_window;
      place.store(2 * n, inside ? y * side + x : -1);
      place.store(2 * n + 1, p.shift > 0 ? region_of(p, w.y + y, w.x + x) : 0);
    }
  }

  /// One round of the softmax: scores become weights for the largest score so far, and what was
  /// summed for a smaller one is brought to it.
  template <class Exec>
  static EQSR_DEVICE void update_softmax(
      Exec& exec, const Params& p, const Shared<Exec, int>& place, const Shared<Exec, float>& bias,
      const int (&offset)[Scores::slots], const int (&region)[Scores::slots],
      float (&score)[std::size_t{keys}], float (&largest)[Scores::slots],
      float (&total)[Scores::slots], float (&out)[std::size_t{D}]) {
    const int lane = exec.lane();
    float top[Scores::slots], sum[Scores::slots], shrink[Scores::slots];
    EQSR_UNROLL
    for (int s = 0; s < Scores::slots; ++s) top[s] = largest[s];
    EQSR_UNROLL
    for (int i = 0; i < keys; ++i) {
      const int s = Scores::slot(i);
      const Pack<int, 2> at = place.load2(2 * Scores::column(lane, i));
      // Without branches: all lanes load, and choose.
      const bool inside = at.v[0] >= 0;
      float value = score[i] * p.scale + bias.load(inside ? at.v[0] + offset[s] : 0);
      value += at.v[1] != region[s] ? shift_mask : 0.0f;
      value = inside ? value : lowest;
      score[i] = value;
      top[s] = value > top[s] ? value : top[s];
    }
    EQSR_UNROLL
    for (int s = 0; s < Scores::slots; ++s) {
      EQSR_UNROLL
      for (int mask = 1; mask < Scores::row_lanes; mask *= 2) {
        const float other = exec.shuffle_xor(top[s], mask);
        top[s] = other > top[s] ? other : top[s];
      }
      shrink[s] = exec.exp(largest[s] - top[s]);
      largest[s] = top[s];
      sum[s] = 0;
    }
    EQSR_UNROLL
    for (int i = 0; i < keys; ++i) {
      const int s = Scores::slot(i);
      const float difference = score[i] - largest[s];
      score[i] = P == Precision::bf16 ? exec.exp_approximate(difference) : exec.exp(difference);
      sum[s] += score[i];
    }
    EQSR_UNROLL
    for (int s = 0; s < Scores::slots; ++s) {
      EQSR_UNROLL
      for (int mask = 1; mask < Scores::row_lanes; mask *= 2)
        sum[s] += exec.shuffle_xor(sum[s], mask);
      total[s] = total[s] * shrink[s] + sum[s];
    }
    EQSR_UNROLL
    for (int i = 0; i < D; ++i) out[i] *= shrink[Values::slot(i)];
  }

  template <class Exec>
  static EQSR_DEVICE void write(Exec& exec, const Params& p, const Window& w,
                                const float (&total)[Scores::slots],
                                const float (&out)[std::size_t{D}]) {
    const int lane = exec.lane();
    EQSR_UNROLL
    for (int i = 0; i < D; ++i) {
      const int query = w.first + exec.warp() * 32 + Values::row(lane, i);
      const int k = Values::column(lane, i);
      if (query >= p.window * p.window || k >= p.channels) continue;
      const int y = wrapped(w.y + p.by_window.quotient(query) + p.shift, p.height);
      const int x = wrapped(w.x + p.by_window.remainder(query) + p.shift, p.width);
      exec.store(p.y + (Index{y} * p.width + x) * p.heads * p.channels + w.head * p.channels + k,
                 out[i] / total[Values::slot(i)]);
    }
  }

  static EQSR_DEVICE int wrapped(int i, int n) { return i < n ? i : i - n; }
  static EQSR_DEVICE int region_of(const Params& p, int y, int x) {
    return shift_region(y, p.height, p.window, p.shift) * 3 +
           shift_region(x, p.width, p.window, p.shift);
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
