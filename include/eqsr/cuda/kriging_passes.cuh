// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kriging_block.cuh>  // involve, perceptron
#include <eqsr/layer/bands.hpp>         // Bands

/// The target-resolution stage in bands of rows, with exact global means.
///
/// As on the CPU (cpu/kriging_passes.hpp) the stage runs three times over the image: up to the
/// first gate's mean, up to the second's, up to the colours, and the `Storage` policy says what one
/// pass leaves for the next. The sums for the means are those of 8 rows of the image, added in
/// their order: results have the same bits for every policy and every height of the bands.
namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

class KrigingPasses {
 public:
  /// Rows that are worked on at once, in whole tiles: `wanted`, or about 65536 pixels.
  static Index band_rows(Index H, Index W, Index wanted) {
    const Index rows = wanted > 0 ? wanted : std::max<Index>(1, (Index{1} << 16) / W);
    return (std::min)(H, round_up((std::min)(rows, H), group_rows));
  }
  /// The temporaries, with the planes that the storage policy keeps.
  struct Scratch {
    float *u, *normed, *a, *x, *z;  ///< a band with its surroundings
    double* sums;                   ///< of the hidden layer, for each group of rows
    float *mean, *gate[2];          ///< of the hidden layer, and of each block
    float* rgb[2];  ///< a band, by turns: one may be read until the band after the next. Null where
                    ///< the whole image has memory
    KeptPlanes planes;
    MlpScratch mlp;
  };
  template <class C>
  static Scratch scratch(Scope<C>& memory, const Bands& bands, int L) {
    const C& ctx = memory.context();
    const Index H = bands.height, W = bands.width, band = band_rows(H, W, ctx.band_height);
    const Index wide = grown(band, 4, H);
    const auto rows = [&](Index count) { return memory.floats(count * W * L); };
    const auto colours = [&] { return bands.whole ? nullptr : memory.floats(band * W * 3); };
    return {rows(wide),
            rows(wide),
            rows(wide),
            rows(wide),
            rows(wide),
            memory.doubles(ceil_div(H, group_rows) * 2 * L),
            memory.floats(2 * L),
            {memory.floats(L), memory.floats(L)},
            {colours(), colours()},
            kept_planes(memory, bands.storage, H * W * L),
            mlp_scratch(memory, {.count = wide * W,
                                 .channels = L,
                                 .hidden = 2 * L,
                                 .norm = true,
                                 .group = group_rows * W})};
  }

  KrigingPasses(Context<Cuda>& ctx, const Scratch& scratch, const KrigingImage& image,
                const BlockWeights (&blocks)[2], const Bands& bands)
      : ctx_(ctx),
        image_(image),
        block_{&blocks[0], &blocks[1]},
        bands_(bands),
        L_(image.L),
        band_(band_rows(image.H, image.W, ctx.band_height)),
        line_(image.W * image.L),
        mlp_(scratch.mlp),
        u_(scratch.u),
        normed_(scratch.normed),
        a_(scratch.a),
        x_(scratch.x),
        z_(scratch.z),
        mean_(scratch.mean),
        gate_{scratch.gate[0], scratch.gate[1]},
        sums_(scratch.sums),
        rgb_{scratch.rgb[0], scratch.rgb[1]},
        plane_x_(scratch.planes.x),
        plane_z_(scratch.planes.z) {}

  /// `weight` (3, L) and `bias` (3) are those of to_rgb.
  void run(const float* weight, const float* bias) {
    for_each_band(0, [&](Index y, Index end) { first_pass(y, end); });
    finish_gate(0);
    if (plane_x_)
      for_each_band(1, [&](Index y, Index end) {
        apply_gate(ctx_, image_, at(plane_x_, y), stored_z(0, y, end), gate_[0], end - y);
      });
    for_each_band(1, [&](Index y, Index end) { second_pass(y, end); });
    finish_gate(1);
    for_each_band(2, [&](Index y, Index end) { third_pass(y, end, weight, bias); });
  }

 private:
  static constexpr Index group_rows =
      KrigingBlockBody<Precision::float32>::side;  ///< that are summed together

  /// The most rows of a band with `more` around it.
  static Index grown(Index band, Index more, Index H) { return (std::min)(H, band + more); }
  [[nodiscard]] Index before(Index row, Index margin) const {
    return std::max<Index>(0, row - margin);
  }
  [[nodiscard]] Index after(Index row, Index margin) const {
    return (std::min)(image_.H, row + margin);
  }
  [[nodiscard]] float* at(float* plane, Index row) const { return plane + row * line_; }

  template <class Work>
  void for_each_band(int pass, const Work& work) {
    for (Index y = 0; y < image_.H; y += band_) {
      ctx_.checkpoint((pass + double(y) / double(image_.H)) / 3, "upsampling");
      work(y, (std::min)(image_.H, y + band_));
    }
  }

  /// The perceptron of block b on a band, whose hidden sums go into the mean.
  void counted(int b, Index y, Index end, const float* x, float* z) {
    perceptron(ctx_, mlp_, *block_[b], x, (end - y) * image_.W, z,
               {group_rows * image_.W, sums_ + y / group_rows * 2 * L_});
  }
  void finish_gate(int b) {
    const BlockWeights& block = *block_[b];
    mean_of_sums(ctx_, sums_, ceil_div(image_.H, group_rows), double(image_.H) * double(image_.W),
                 2 * L_, mean_);
    eca_gate(ctx_, {.mean = mean_,
                    .contract = block.contract_weight,
                    .bias = block.contract_bias,
                    .weight = block.attention,
                    .gate = gate_[b],
                    .channels = L_,
                    .hidden = 2 * L_,
                    .taps = block.attention_taps});
  }

  /// Block 1 up to its perceptron on the rows [y, end), into `to`.
  void first_block(Index y, Index end, PlaneRows to) {
    const Index top = before(y, 1), bottom = after(end, 1);
    head_rows(ctx_, image_, top, bottom, u_);
    first_product(ctx_, *block_[0], u_, (bottom - top) * image_.W, normed_, a_);
    involve(ctx_, image_, *block_[0], {a_, top}, {u_, top}, to, y, end);
  }
  /// Block 1 with its gate on the rows [y, end), into x_.
  void recompute(Index y, Index end) {
    first_block(y, end, {x_, y});
    perceptron(ctx_, mlp_, *block_[0], x_, (end - y) * image_.W, z_);
    apply_gate(ctx_, image_, x_, z_, gate_[0], end - y);
  }
  /// Block 2 up to its perceptron on the rows [y, end), into u_, when nothing is kept.
  void recompute_second(Index y, Index end) {
    const Index top = before(y, 1), bottom = after(end, 1);
    recompute(top, bottom);
    first_product(ctx_, *block_[1], x_, (bottom - top) * image_.W, normed_, a_);
    involve(ctx_, image_, *block_[1], {a_, top}, {x_, top}, {u_, y}, y, end);
  }

  void first_pass(Index y, Index end) {
    float* x = plane_x_ ? at(plane_x_, y) : x_;
    first_block(y, end, {x, y});
    counted(0, y, end, x, plane_z_ ? at(plane_z_, y) : nullptr);
  }

  /// Block 2's x takes the place of its input, band by band. What a band computed for its last row
  /// is the row above the next one.
  void second_pass(Index y, Index end) {
    if (!plane_x_) {
      recompute_second(y, end);
      counted(1, y, end, u_, nullptr);
      return;
    }
    const Index top = before(y, 1), bottom = after(end, 1);
    const BlockWeights& block = *block_[1];
    first_product(ctx_, block, at(plane_x_, y), (bottom - y) * image_.W, normed_, at(a_, y - top));
    involve(ctx_, image_, block, {a_, top}, {plane_x_, 0}, {plane_x_, 0}, y, end);
    if (end < image_.H)
      ctx_.copy(a_, at(a_, end - 1 - top), static_cast<std::size_t>(line_) * sizeof(float));
    counted(1, y, end, at(plane_x_, y), plane_z_ ? at(plane_z_, y) : nullptr);
  }

  void third_pass(Index y, Index end, const float* weight, const float* bias) {
    const float *x = nullptr, *z = nullptr;
    if (!plane_x_) {
      recompute_second(y, end);
      perceptron(ctx_, mlp_, *block_[1], u_, (end - y) * image_.W, z_);
      x = u_;
      z = z_;
    } else {
      x = at(plane_x_, y);
      z = stored_z(1, y, end);
    }
    float* rgb = bands_.whole ? bands_.whole + y * image_.W * 3 : rgb_[y / band_ % 2];
    run_rows<KrigingFinishBody>(ctx_, (end - y) * image_.W,
                                {.tables = image_.tables,
                                 .x = x,
                                 .z = z,
                                 .gate = gate_[1],
                                 .weight = weight,
                                 .bias = bias,
                                 .rgb = rgb,
                                 .first = y,
                                 .count = end - y});
    bands_.finish(y, Plane<float, 3>(rgb, end - y, image_.W));
  }

  /// The perceptron's output for stored rows: stored too, or computed again.
  const float* stored_z(int b, Index y, Index end) {
    if (plane_z_) return at(plane_z_, y);
    perceptron(ctx_, mlp_, *block_[b], at(plane_x_, y), (end - y) * image_.W, z_);
    return z_;
  }

  Context<Cuda>& ctx_;
  const KrigingImage& image_;
  const BlockWeights* block_[2];
  const Bands& bands_;
  int L_;
  Index band_, line_;
  MlpScratch mlp_;
  float *u_, *normed_, *a_, *x_, *z_, *mean_, *gate_[2];
  double* sums_;
  float *rgb_[2], *plane_x_, *plane_z_;
};

}}}  // namespace eqsr::EQSR_ABI::gpu
