// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/kriging_tile.hpp>  // KrigingTile
#include <eqsr/layer/bands.hpp>       // Bands

/// The target-resolution stage, with exact means over the whole image. Three words for its pieces:
/// a *tile* is what one thread works on, a *band* the rows that are worked on at once, and a *part*
/// the rows that one of several processes computes.
///
/// Each involution block ends in a gate that needs a mean over the whole target image, so the stage
/// runs three times over the image: up to the first mean, up to the second, up to the colours. What
/// one pass leaves for the next is the `Storage` policy; the arithmetic is the same. Row sums are
/// added tile by tile, then row by row, so no result depends on bands, threads or policies.
namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// The three passes over the target image.
class KrigingPasses {
 public:
  /// Rows that are worked on at once, an even number unless it is all: enough tiles for all
  /// threads, eight each in up to eight rows of tiles, and two each in any case, unless the band's
  /// height is given.
  static Index band_rows(Index rows, Index W, Index band_height, int threads) {
    const Index across = ceil_div(W, KrigingTile::width), wanted = 8 * Index{threads};
    const Index most = (std::max)(Index{8}, ceil_div(2 * Index{threads}, across));
    const Index down = std::clamp<Index>(ceil_div(wanted, across), 1, most);
    const Index band = band_height > 0 ? round_up(band_height, 2) : down * KrigingTile::height;
    return (std::min)(rows, band);
  }
  /// The temporaries, with the planes that the storage policy keeps.
  struct Scratch {
    float* tiles;      ///< of each thread
    double* partial;   ///< sums of the hidden layer: a band's rows, tile by tile
    double* total;     ///< and those of the image so far
    double* row_sums;  ///< and those of each row of a part, else null
    float* gate[2];    ///< of each block
    float* rgb;        ///< a band of colours, null where the whole image has memory
    KeptPlanes planes;
  };
  template <class C>
  static Scratch scratch(Scope<C>& memory, const Bands& bands, int L) {
    const C& ctx = memory.context();
    const Index W = bands.width, kept = kept_rows(bands).size();
    const Index band = band_rows(kept, W, ctx.band_height, ctx.threads());
    const Index plane = saturated_product(saturated_product(kept + band + 1, W), L),
                across = ceil_div(W, KrigingTile::width);
    return {memory.floats(ctx.threads() * KrigingTile::scratch(L)),
            memory.doubles(band * across * 2 * L),
            memory.doubles(2 * L),
            bands.part.meet ? memory.doubles((bands.last() - bands.first()) * 2 * L) : nullptr,
            {memory.floats(L), memory.floats(L)},
            bands.whole ? nullptr : memory.floats(band * W * 3),
            kept_planes(memory, bands.storage, plane)};
  }

  KrigingPasses(Context<Cpu>& ctx, const Scratch& scratch, const KrigingImage& image,
                const Bands& bands)
      : ctx_(ctx),
        image_(image),
        bands_(bands),
        L_(image.L),
        rows_{bands.first(), bands.last()},
        kept_(kept_rows(bands)),
        band_(band_rows(kept_.size(), image.W, ctx.band_height, ctx.threads())),
        across_(ceil_div(image.W, KrigingTile::width)),
        scratch_(scratch.tiles),
        partial_(scratch.partial),
        total_(scratch.total),
        row_sums_(scratch.row_sums),
        gate_{scratch.gate[0], scratch.gate[1]},
        rgb_(scratch.rgb),
        x_(scratch.planes.x),
        z_(scratch.planes.z) {}

  void run() {
    first_pass();
    finish_gate(0);
    if (x_ && !z_) gate_plane();
    second_pass();
    finish_gate(1);
    third_pass();
  }

 private:
  [[nodiscard]] double first_end() const { return x_ ? 0.4 : 0.2; }

  /// Rows of the image, from an even one on.
  struct Range {
    Index begin, end;
    [[nodiscard]] Index size() const { return end - begin; }
    [[nodiscard]] bool has(Index row) const { return begin <= row && row < end; }
  };
  /// What the first block is computed on: a part's rows, and those beside it that the second reads.
  static Range kept_rows(const Bands& bands) {
    return {std::max<Index>(0, bands.first() - 2), (std::min)(bands.height, bands.last() + 2)};
  }

  /// Where the hidden layer's sum of a row of a tile goes.
  using Sums = FunctionRef<double*(Index row)>;
  using Work = FunctionRef<void(KrigingTile& tile, const Rect& rect, Sums sums)>;

  /// Calls `work(tile, rect, sums)` for every tile of every band of `range`, and `after(y, rows)`
  /// when a band is done. `begin` and `end` are the pass's share of the work, for the progress.
  [[gnu::noinline]] void for_each_tile(const Range& range, double begin, double end, Work work,
                                       FunctionRef<void(Index y, Index rows)> after) {
    std::fill_n(total_, 2 * L_, 0.0);
    for (Index y = range.begin; y < range.end; y += band_) {
      const double done = double(y - range.begin) / double(range.size());
      ctx_.checkpoint(begin + (end - begin) * done, "upsampling");
      const Index rows = (std::min)(band_, range.end - y);
      ctx_.parallel_for(ceil_div(rows, KrigingTile::height) * across_, [&](Index task, int thread) {
        const Index top = y + task / across_ * KrigingTile::height;
        const Index left = task % across_ * KrigingTile::width;
        const Rect rect{top, left, (std::min)(KrigingTile::height, y + rows - top),
                        (std::min)(KrigingTile::width, image_.W - left)};
        KrigingTile tile(loops_of(ctx_.isa()), image_,
                         scratch_ + thread * KrigingTile::scratch(L_));
        work(tile, rect, [&](Index row) {
          return partial_ + ((row - y) * across_ + left / KrigingTile::width) * 2 * L_;
        });
      });
      after(y, rows);
    }
  }

  /// Adds the sums of a band's rows: tiles from left to right, then row by row. Those of a part
  /// wait for the total of the rows above.
  void add_rows(Index y, Index rows) {
    for (Index row = y; row < y + rows; ++row) {
      double* first = partial_ + (row - y) * across_ * 2 * L_;
      for (Index tile = 1; tile < across_; ++tile)
        for (int c = 0; c < 2 * L_; ++c) first[c] += first[tile * 2 * L_ + c];
      if (!row_sums_)
        add_row(first);
      else if (rows_.has(row))
        std::copy_n(first, 2 * L_, row_sums_ + (row - rows_.begin) * 2 * L_);
    }
  }
  void add_row(const double* sums) {
    for (int c = 0; c < 2 * L_; ++c) total_[c] += sums[c];
  }

  /// The gate from the mean hidden layer: the mean of contract(hidden) is contract(mean), and the
  /// gate is a 1-d convolution of it over the channels.
  void finish_gate(int b) {
    if (row_sums_)
      bands_.part.meet({total_, static_cast<std::size_t>(2 * L_)}, [&] {
        for (Index row = 0; row < rows_.size(); ++row) add_row(row_sums_ + row * 2 * L_);
      });
    const BlockWeights& block = image_.block[b];
    const double pixels = double(image_.H) * double(image_.W);
    std::vector<double> mean(static_cast<std::size_t>(L_));
    for (int o = 0; o < L_; ++o) {
      double sum = 0;
      for (int k = 0; k < 2 * L_; ++k)
        sum += double(block.contract_weight[Index{o} * 2 * L_ + k]) * (total_[k] / pixels);
      mean[static_cast<std::size_t>(o)] = sum + double(block.contract_bias[o]);
    }
    for (int c = 0; c < L_; ++c) {
      double sum = 0;
      for (int k = 0; k < block.attention_taps; ++k) {
        const int from = c + k - block.attention_taps / 2;
        if (from >= 0 && from < L_)
          sum += double(block.attention[k]) * mean[static_cast<std::size_t>(from)];
      }
      gate_[b][c] = static_cast<float>(sum);
    }
  }

  /// Pass 1: block 1 up to its hidden layer's mean; keeps x, and z where both are stored.
  void first_pass() {
    for_each_tile(
        x_ ? kept_ : rows_, 0, first_end(),
        [&](KrigingTile& tile, const Rect& r, Sums sums) {
          const PixelRows u = tile.head(r.grown(1, image_.H, image_.W));
          const PixelRows out = x_ ? ahead(x_) : PixelRows{};
          tile.convolve(image_.block[0], u, r, out, [&](const Rect& strip, const PixelRows& x) {
            second_half(tile, 0, strip, x, sums);
          });
        },
        [&](Index y, Index rows) { add_rows(y, rows); });
  }

  /// The second half of a block in the first two passes: the sum of the hidden layer, and z where
  /// that is stored.
  void second_half(KrigingTile& tile, int b, const Rect& strip, const PixelRows& x, Sums sums) {
    const BlockWeights& block = image_.block[b];
    tile.hidden(block, x, strip);
    for (Index i = 0; i < strip.h; ++i) tile.sum_hidden(strip, i, sums(strip.y + i));
    if (z_) tile.contracted(block, strip, b == 0 ? ahead(z_) : plane(z_));
  }

  /// Calls `task(strip)` for every strip of a rectangle.
  template <class Task>
  static void for_each_strip(const Rect& r, const Task& task) {
    constexpr Index rows = KrigingTile::strip_rows;
    for (Index y = r.y; y < r.y + r.h; y += rows)
      task(Rect{y, r.x, (std::min)(rows, r.y + r.h - y), r.w});
  }
  /// Calls `task(row, x, z)` for every row of a strip.
  template <class Task>
  static void for_each_row(const Rect& strip, const PixelRows& x, const PixelRows& z,
                           const Task& task) {
    for (Index row = strip.y; row < strip.y + strip.h; ++row)
      task(row, x.at(row, strip.x), z.at(row, strip.x));
  }

  /// Between the passes where z must be computed again, once a pixel: x becomes ReLU(x + gate z).
  void gate_plane() {
    for_each_tile(
        kept_, first_end(), first_end() + 0.05,
        [&](KrigingTile& tile, const Rect& r, Sums) {
          for_each_strip(r, [&](const Rect& strip) {
            const PixelRows x = ahead(x_);
            for_each_row(
                strip, x, stored_z(tile, 0, strip, x),
                [&](Index, float* row, const float* z) { tile.gated(row, z, gate_[0], r.w, row); });
          });
        },
        [](Index, Index) {});
  }

  /// Pass 2: block 2 up to its hidden layer's mean. What it keeps goes where rows of its input were
  /// that are not read any more.
  void second_pass() {
    for_each_tile(
        rows_, first_end() + 0.05, 0.8,
        [&](KrigingTile& tile, const Rect& r, Sums sums) {
          const PixelRows in = !x_ ? recompute(tile, r) : !z_ ? ahead(x_) : gated(tile, r);
          const PixelRows out = x_ ? plane(x_) : PixelRows{};
          tile.convolve(image_.block[1], in, r, out, [&](const Rect& strip, const PixelRows& x) {
            second_half(tile, 1, strip, x, sums);
          });
        },
        [&](Index y, Index rows) { add_rows(y, rows); });
  }

  /// Pass 3: the second gate and the colours, handed on band by band.
  void third_pass() {
    const BlockWeights& block = image_.block[1];
    const auto colours = [&](Index row) {
      return bands_.whole ? bands_.whole + row * image_.W * 3
                          : rgb_ + (row - rows_.begin) % band_ * image_.W * 3;
    };
    for_each_tile(
        rows_, 0.8, 1,
        [&](KrigingTile& tile, const Rect& r, Sums) {
          const auto finish = [&](Index row, const float* x, const float* z) {
            tile.finish(x, z, gate_[1], row, r.x, r.w, colours(row) + r.x * 3);
          };
          if (x_) {
            for_each_strip(r, [&](const Rect& strip) {
              for_each_row(strip, plane(x_), stored_z(tile, 1, strip, plane(x_)), finish);
            });
          } else {
            tile.convolve(block, recompute(tile, r), r, {},
                          [&](const Rect& strip, const PixelRows& x) {
                            tile.hidden(block, x, strip);
                            for_each_row(strip, x, tile.contracted(block, strip), finish);
                          });
          }
        },
        [&](Index y, Index rows) {
          bands_.finish(y, Plane<float, 3>(colours(y), rows, image_.W));
        });
  }

  /// Block 1 with its gate on a tile grown by one: what block 2 reads.
  PixelRows recompute(KrigingTile& tile, const Rect& r) {
    const BlockWeights& block = image_.block[0];
    const Rect wide = r.grown(1, image_.H, image_.W);
    const PixelRows u = tile.head(r.grown(3, image_.H, image_.W));
    const PixelRows result = tile.result(wide);
    tile.convolve(block, u, wide, {}, [&](const Rect& strip, const PixelRows& x) {
      tile.hidden(block, x, strip);
      for_each_row(strip, x, tile.contracted(block, strip),
                   [&](Index row, const float* from, const float* z) {
                     tile.gated(from, z, gate_[0], wide.w, result.at(row, wide.x));
                   });
    });
    return result;
  }

  /// The same from a stored x and z.
  PixelRows gated(KrigingTile& tile, const Rect& r) {
    const Rect wide = r.grown(1, image_.H, image_.W);
    const PixelRows result = tile.result(wide);
    for (Index row = wide.y; row < wide.y + wide.h; ++row)
      tile.gated(ahead(x_).at(row, wide.x), ahead(z_).at(row, wide.x), gate_[0], wide.w,
                 result.at(row, wide.x));
    return result;
  }

  /// contract(hidden) of a stored x: stored too, or computed again.
  PixelRows stored_z(KrigingTile& tile, int b, const Rect& strip, const PixelRows& x) {
    if (z_) return plane(z_);
    tile.hidden(image_.block[b], x, strip);
    return tile.contracted(image_.block[b], strip);
  }
  [[nodiscard]] PixelRows plane(float* data) const { return {data, kept_.begin, 0, image_.W, L_}; }
  /// What the second block reads: in the same memory, one band and a row ahead of what it writes.
  [[nodiscard]] PixelRows ahead(float* data) const {
    return plane(data + (band_ + 1) * image_.W * L_);
  }

  Context<Cpu>& ctx_;
  const KrigingImage& image_;
  const Bands& bands_;
  int L_;
  Range rows_, kept_;
  Index band_, across_;
  float* scratch_;
  double* partial_;
  double* total_;
  double* row_sums_;
  float* gate_[2];
  float *rgb_, *x_, *z_;
};

}}}  // namespace eqsr::EQSR_ABI::cpu
