// SPDX-License-Identifier: Apache-2.0
// A linear layer of every pixel with what stands before it, and its gradients, over tiles of pixels
// that stay in the cache: out = prologue(x) W^T + bias + residual; or the prologue alone. Bias and
// residual may be left out. x [rows,in], weight [width,in], out and residual [rows,width]; `in` and
// `width` are multiples of `lanes`.
#include "prologue.hpp"

extern "C" int64_t vector_lanes() { return lanes; }

extern "C" void prologue_forward(float* out, const float* x, const float* gain, const float* offset,
                                 int64_t rows, int64_t c, int64_t gelu, int64_t threads) {
  const Prologue prologue(gain, offset, c, gelu);
  parallel(rows, threads, [&](int64_t begin, int64_t end) {
    prologue(x + begin * c, end - begin, out + begin * c);
  });
}

extern "C" void prologue_backward(float* dx, float* dgain, float* doffset, const float* d,
                                  const float* x, const float* gain, const float* offset,
                                  int64_t rows, int64_t c, int64_t gelu, int64_t threads) {
  const Prologue prologue(gain, offset, c, gelu);
  Parts sums(threads, 2 * c);
  parallel(threads, threads, [&](int64_t part, int64_t) {
    Prologue::Kept kept(prologue);
    std::vector<float> y(tile * c);
    float* dg = sums.of(part);
    for_each_tile(rows, part, threads, [&](int64_t r, int64_t count) {
      prologue(x + r * c, count, y.data(), &kept);
      std::copy_n(d + r * c, count * c, dx + r * c);
      prologue.backward(dx + r * c, count, kept, dg, dg + c);
    });
  });
  sums.total(0, c, dgain);
  sums.total(c, c, doffset);
}

extern "C" void linear_forward(float* out, const float* x, const float* gain, const float* offset,
                               const float* weight, const float* bias, const float* residual,
                               int64_t rows, int64_t in, int64_t width, int64_t gelu,
                               int64_t threads) {
  const Prologue prologue(gain, offset, in, gelu);
  std::vector<float> turned(in * width);
  for (int64_t o = 0; o < width; ++o)
    for (int64_t i = 0; i < in; ++i) turned[i * width + o] = weight[o * in + i];
  parallel(threads, threads, [&](int64_t part, int64_t) {
    std::vector<float> a(tile * in);
    for_each_tile(rows, part, threads, [&](int64_t r, int64_t count) {
      float* to = out + r * width;
      prologue(x + r * in, count, a.data());
      product(Rows{a.data(), in}, turned.data(), width, count, width, in, to, width);
      if (!bias && !residual) return;
      for (int64_t p = 0; p < count; ++p)
        for (int64_t i = p * width; i < (p + 1) * width; i += lanes) {
          vec v = load(to + i);
          if (bias) v += load(bias + i - p * width);
          if (residual) v += load(residual + r * width + i);
          store(to + i, v);
        }
    });
  });
}

// The residual's gradient is d itself.
extern "C" void linear_backward(float* dx, float* dgain, float* doffset, float* dweight,
                                float* dbias, const float* d, const float* x, const float* gain,
                                const float* offset, const float* weight, int64_t rows, int64_t in,
                                int64_t width, int64_t gelu, int64_t threads) {
  const Prologue prologue(gain, offset, in, gelu);
  const int64_t size = width * in;
  Parts sums(threads, size + 2 * in + width);
  parallel(threads, threads, [&](int64_t part, int64_t) {
    Prologue::Kept kept(prologue);
    std::vector<float> a(tile * in);
    float *dw = sums.of(part), *dg = dw + size, *doff = dg + in, *db = doff + in;
    for_each_tile(rows, part, threads, [&](int64_t r, int64_t count) {
      const float* g = d + r * width;
      float* to = dx + r * in;
      prologue(x + r * in, count, a.data(), &kept);
      product(Columns{g, width}, a.data(), in, width, in, count, dw, in, true);
      for (int64_t i = 0; dbias && i < width; i += lanes) {
        vec total{};
        for (int64_t p = 0; p < count; ++p) total += load(g + p * width + i);
        store(db + i, load(db + i) + total);
      }
      product(Rows{g, width}, weight, in, count, in, width, to, in);
      prologue.backward(to, count, kept, dg, doff);
    });
  });
  sums.total(0, size, dweight);
  sums.total(size, in, dgain);
  sums.total(size + in, in, doffset);
  sums.total(size + 2 * in, width, dbias);
}
