// SPDX-License-Identifier: Apache-2.0
// A linear layer of every pixel with what stands before it, and its gradients, over tiles of pixels
// that stay in the cache: out = prologue(x) W^T + bias + residual; or the prologue alone. Bias and
// residual may be left out. x [rows,in], weight [width,in], out and residual [rows,width]; `in` and
// `width` are multiples of `lanes`. With `bfloat16` the products' operands are rounded
// to it where AMX multiplies them.
#include "linear.hpp"
#include "native.hpp"

namespace {

struct Layer {
  const float *weight, *bias;
  int64_t rows, in, width;
};

template <class Math>
void forward(float* out, const float* x, const Prologue& prologue, const Layer& s,
             const float* residual, int64_t threads) {
  const int64_t in = s.in, width = s.width;
  const Turned<Math> weight(s.weight, width, in);
  parallel(threads, threads, [&](int64_t part, int64_t) {
    const Math math{};
    std::vector<float> a(Math::tile * in);
    typename Math::Left left(Math::tile, in);
    for_each_tile(s.rows, Math::tile, part, threads, [&](int64_t r, int64_t count) {
      float* to = out + r * width;
      prologue(x + r * in, count, a.data());
      left.pack(a.data(), count, in, in);
      math.product(left, weight.right, to, width);
      add_rows(to, s.bias, residual ? residual + r * width : nullptr, count, width);
    });
  });
}

// The residual's gradient is d itself.
template <class Math>
void backward(float* dx, float* dgain, float* doffset, float* dweight, float* dbias, const float* d,
              const float* x, const Prologue& prologue, const Layer& s, int64_t threads) {
  const int64_t in = s.in, width = s.width, size = width * in;
  typename Math::Right weight(width, in);
  weight.pack(s.weight, width, in, in);
  Parts sums(threads, size + 2 * in + width);
  parallel(threads, threads, [&](int64_t part, int64_t) {
    const Math math{};
    Prologue::Kept kept(prologue, Math::tile);
    std::vector<float> a(Math::tile * in);
    typename Math::Left gradient(Math::tile, width), turned(width, Math::tile);
    typename Math::Right input(Math::tile, in);
    float *dw = sums.of(part), *dg = dw + size, *doff = dg + in, *db = doff + in;
    for_each_tile(s.rows, Math::tile, part, threads, [&](int64_t r, int64_t count) {
      const float* g = d + r * width;
      float* to = dx + r * in;
      prologue(x + r * in, count, a.data(), &kept);
      turned.turn(g, width, count, width);
      input.pack(a.data(), count, in, in);
      math.product(turned, input, dw, in, true);
      add_sums(dbias ? db : nullptr, g, count, width);
      gradient.pack(g, count, width, width);
      math.product(gradient, weight, to, in);
      prologue.backward(to, count, kept, dg, doff);
    });
  });
  sums.total(0, size, dweight);
  sums.total(size, in, dgain);
  sums.total(size + in, in, doffset);
  sums.total(size + 2 * in, width, dbias);
}

}  // namespace

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
  constexpr int64_t tile = Float32::tile;
  Parts sums(threads, 2 * c);
  parallel(threads, threads, [&](int64_t part, int64_t) {
    Prologue::Kept kept(prologue, tile);
    std::vector<float> y(tile * c);
    float* dg = sums.of(part);
    for_each_tile(rows, tile, part, threads, [&](int64_t r, int64_t count) {
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
                               int64_t bfloat16, int64_t threads) {
  const auto run = rounds(bfloat16) ? forward<Bfloat16> : forward<Float32>;
  run(out, x, {gain, offset, in, gelu != 0}, {weight, bias, rows, in, width}, residual, threads);
}

extern "C" void linear_backward(float* dx, float* dgain, float* doffset, float* dweight,
                                float* dbias, const float* d, const float* x, const float* gain,
                                const float* offset, const float* weight, int64_t rows, int64_t in,
                                int64_t width, int64_t gelu, int64_t bfloat16, int64_t threads) {
  const auto run = rounds(bfloat16) ? backward<Bfloat16> : backward<Float32>;
  run(dx, dgain, doffset, dweight, dbias, d, x, {gain, offset, in, gelu != 0},
      {weight, nullptr, rows, in, width}, threads);
}
