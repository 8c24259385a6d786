// SPDX-License-Identifier: Apache-2.0
// A linear layer of every pixel with what stands before it, and its gradients, over tiles of pixels
// that stay in the cache: out = activation(layer_norm(x)) W^T + bias + residual. Norm, activation,
// bias and residual may be left out. x [rows,in], weight [width,in], out and residual [rows,width];
// `in` and `width` are multiples of `lanes`.
#include "native.hpp"
#include "vector.hpp"

namespace {

constexpr int64_t tile = 48;
enum Activation : int64_t { none, gelu, relu };

// What stands before the product; nothing where `gain` is null.
struct Prologue {
  const float *gain, *offset;
  int64_t in, activation;

  // Rows of x to what is multiplied; with `centred` also the normalised rows, their scales and the
  // slopes, for the gradients.
  void operator()(const float* x, int64_t rows, float* a, float* centred = nullptr,
                  float* scales = nullptr, float* slope = nullptr) const {
    for (int64_t r = 0; r < rows; ++r, x += in) {
      float mean = 0, scale = 1;
      if (gain) {
        vec total{}, squares{};
        for (int64_t i = 0; i < in; i += lanes) total += load(x + i);
        mean = sum(total) / in;
        for (int64_t i = 0; i < in; i += lanes)
          squares += (load(x + i) - mean) * (load(x + i) - mean);
        scale = 1 / std::sqrt(sum(squares) / in + 1e-5f);
      }
      if (scales) scales[r] = scale;
      for (int64_t i = 0; i < in; i += lanes) {
        vec v = load(x + i), rise = all(1), bell;
        if (gain) {
          v = (v - mean) * scale;
          if (centred) store(centred + r * in + i, v);
          v = v * load(gain + i) + load(offset + i);
        }
        if (activation == gelu) {
          const vec below = normal(v, bell);
          rise = below + v * bell * 0.39894228f;
          v *= below;
        } else if (activation == relu) {
          rise = v > 0.f ? all(1) : vec{};
          v = larger(v, vec{});
        }
        store(a + r * in + i, v);
        if (slope && activation) store(slope + r * in + i, rise);
      }
    }
  }
};

// Sums of a tile are taken first, so that the many tiles of an image add up with less rounding.
void add_columns(const float* rows, int64_t count, int64_t width, float* sums) {
  for (int64_t i = 0; i < width; i += lanes) {
    vec total{};
    for (int64_t r = 0; r < count; ++r) total += load(rows + r * width + i);
    store(sums + i, load(sums + i) + total);
  }
}

// A norm's gradients from those of its result, which become those of x.
void norm_backward(float* d, const float* centred, const float* scales, const float* gain,
                   int64_t rows, int64_t in, float* dgain, float* doffset) {
  for (int64_t i = 0; i < in; i += lanes) {
    vec gains{}, offsets{};
    for (int64_t r = 0; r < rows; ++r) {
      gains += load(d + r * in + i) * load(centred + r * in + i);
      offsets += load(d + r * in + i);
    }
    store(dgain + i, load(dgain + i) + gains);
    store(doffset + i, load(doffset + i) + offsets);
  }
  for (int64_t r = 0; r < rows; ++r, d += in, centred += in) {
    vec total{}, dot{};
    for (int64_t i = 0; i < in; i += lanes) {
      const vec g = load(d + i) * load(gain + i);
      total += g;
      dot += g * load(centred + i);
    }
    const float a = sum(total) / in, b = sum(dot) / in;
    for (int64_t i = 0; i < in; i += lanes)
      store(d + i, (load(d + i) * load(gain + i) - a - load(centred + i) * b) * scales[r]);
  }
}

}  // namespace

extern "C" int64_t vector_lanes() { return lanes; }

extern "C" void linear_forward(float* out, const float* x, const float* gain, const float* offset,
                               const float* weight, const float* bias, const float* residual,
                               int64_t rows, int64_t in, int64_t width, int64_t activation,
                               int64_t threads) {
  const Prologue prologue{gain, offset, in, activation};
  std::vector<float> turned(in * width);
  for (int64_t o = 0; o < width; ++o)
    for (int64_t i = 0; i < in; ++i) turned[i * width + o] = weight[o * in + i];
  parallel((rows + tile - 1) / tile, threads, [&](int64_t begin, int64_t end) {
    std::vector<float> a(tile * in);
    for (int64_t r = begin * tile; r < std::min(end * tile, rows); r += tile) {
      const int64_t count = std::min(tile, rows - r);
      float* to = out + r * width;
      prologue(x + r * in, count, a.data());
      product(Rows{a.data(), in}, turned.data(), width, count, width, in, to, width);
      if (!bias && !residual) continue;
      for (int64_t p = 0; p < count; ++p)
        for (int64_t i = p * width; i < (p + 1) * width; i += lanes) {
          vec v = load(to + i);
          if (bias) v += load(bias + i - p * width);
          if (residual) v += load(residual + r * width + i);
          store(to + i, v);
        }
    }
  });
}

// The residual's gradient is d itself.
extern "C" void linear_backward(float* dx, float* dgain, float* doffset, float* dweight,
                                float* dbias, const float* d, const float* x, const float* gain,
                                const float* offset, const float* weight, int64_t rows, int64_t in,
                                int64_t width, int64_t activation, int64_t threads) {
  const Prologue prologue{gain, offset, in, activation};
  const int64_t tiles = (rows + tile - 1) / tile, size = width * in, kept = size + 2 * in + width;
  std::vector<float> sums(threads * kept);  // a part for each thread, added in turn
  parallel(threads, threads, [&](int64_t part, int64_t) {
    std::vector<float> a(tile * in), centred(gain ? a.size() : 0), scales(tile),
        slope(activation ? a.size() : 0);
    float *dw = sums.data() + part * kept, *dg = dw + size, *doff = dg + in, *db = doff + in;
    for (int64_t r = tiles * part / threads * tile;
         r < std::min(tiles * (part + 1) / threads * tile, rows); r += tile) {
      const int64_t count = std::min(tile, rows - r);
      const float* g = d + r * width;
      float* to = dx + r * in;
      prologue(x + r * in, count, a.data(), centred.data(), scales.data(), slope.data());
      product(Columns{g, width}, a.data(), in, width, in, count, dw, in, true);
      if (dbias) add_columns(g, count, width, db);
      product(Rows{g, width}, weight, in, count, in, width, to, in);
      if (activation)
        for (int64_t i = 0; i < count * in; i += lanes)
          store(to + i, load(to + i) * load(slope.data() + i));
      if (gain) norm_backward(to, centred.data(), scales.data(), gain, count, in, dg, doff);
    }
  });
  const auto total = [&](float* to, int64_t place, int64_t count) {
    if (!to) return;
    std::fill(to, to + count, 0.f);
    for (int64_t part = 0; part < threads; ++part)
      for (int64_t i = 0; i < count; ++i) to[i] += sums[part * kept + place + i];
  };
  total(dweight, 0, size);
  total(dgain, size, in);
  total(doffset, size + in, in);
  total(dbias, size + 2 * in, width);
}
