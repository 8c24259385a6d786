// SPDX-License-Identifier: Apache-2.0
// What stands before a linear layer: GELU of layer norm, each of which may be left out, and its
// gradients, a tile of pixels at a time. x [rows,c]; c is a multiple of `lanes`.
#pragma once
#include "native.hpp"
#include "vector.hpp"

// Calls use(first, count) for the tiles of thread `part`'s share of the rows.
template <class Use>
void for_each_tile(int64_t rows, int64_t tile, int64_t part, int64_t threads, Use use) {
  const int64_t tiles = (rows + tile - 1) / tile;
  for (int64_t n = tiles * part / threads; n < tiles * (part + 1) / threads; ++n)
    use(n * tile, std::min(tile, rows - n * tile));
}

class Prologue {
 public:
  // Without a norm `gain` is null.
  Prologue(const float* gain, const float* offset, int64_t c, bool gelu)
      : gain_(gain), offset_(offset), c_(c), gelu_(gelu) {}

  // What the gradients of a tile need.
  struct Kept {
    std::vector<float> centred, scales, slopes;

    Kept(const Prologue& p, int64_t tile)
        : centred(p.gain_ ? tile * p.c_ : 0), scales(tile), slopes(p.gelu_ ? tile * p.c_ : 0) {}
  };

  void operator()(const float* x, int64_t rows, float* y, Kept* kept = nullptr) const {
    for (int64_t r = 0; r < rows; ++r, x += c_, y += c_) {
      float mean = 0, scale = 1;
      if (gain_) {
        vec total{}, squares{};
        for (int64_t i = 0; i < c_; i += lanes) total += load(x + i);
        mean = sum(total) / c_;
        for (int64_t i = 0; i < c_; i += lanes)
          squares += (load(x + i) - mean) * (load(x + i) - mean);
        scale = 1 / std::sqrt(sum(squares) / c_ + 1e-5f);
      }
      if (kept) kept->scales[r] = scale;
      for (int64_t i = 0; i < c_; i += lanes) {
        vec v = load(x + i);
        if (gain_) {
          v = (v - mean) * scale;
          if (kept) store(kept->centred.data() + r * c_ + i, v);
          v = v * load(gain_ + i) + load(offset_ + i);
        }
        if (gelu_) {
          vec bell;
          const vec below = normal(v, bell);
          if (kept) store(kept->slopes.data() + r * c_ + i, below + v * bell * 0.39894228f);
          v *= below;
        }
        store(y + i, v);
      }
    }
  }

  // The gradients of a tile's results become those of x; adds those of gain and offset, whose sums
  // over a tile are taken first, so that the many tiles of an image add up with less rounding.
  void backward(float* d, int64_t rows, const Kept& kept, float* dgain, float* doffset) const {
    if (gelu_)
      for (int64_t i = 0; i < rows * c_; i += lanes)
        store(d + i, load(d + i) * load(kept.slopes.data() + i));
    if (!gain_) return;
    const float* centred = kept.centred.data();
    for (int64_t i = 0; i < c_; i += lanes) {
      vec gains{}, offsets{};
      for (int64_t r = 0; r < rows; ++r) {
        gains += load(d + r * c_ + i) * load(centred + r * c_ + i);
        offsets += load(d + r * c_ + i);
      }
      store(dgain + i, load(dgain + i) + gains);
      store(doffset + i, load(doffset + i) + offsets);
    }
    for (int64_t r = 0; r < rows; ++r, d += c_, centred += c_) {
      vec total{}, dot{};
      for (int64_t i = 0; i < c_; i += lanes) {
        const vec g = load(d + i) * load(gain_ + i);
        total += g;
        dot += g * load(centred + i);
      }
      const float a = sum(total) / c_, b = sum(dot) / c_;
      for (int64_t i = 0; i < c_; i += lanes)
        store(d + i, (load(d + i) * load(gain_ + i) - a - load(centred + i) * b) * kept.scales[r]);
    }
  }

 private:
  const float *gain_, *offset_;
  int64_t c_;
  bool gelu_;
};
