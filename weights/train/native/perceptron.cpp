// SPDX-License-Identifier: Apache-2.0
// Two linear layers of every pixel with layer norm before them, GELU between them and perhaps x
// behind them, and the gradients, over tiles of pixels that stay in the cache; what stands between
// the layers is made anew for the gradients and never stored for an image. out [rows,c] = x + W2
// gelu(W1 norm(x) + b1) + b2; W1 [hidden,c], W2 [c,hidden]; c and hidden are multiples of `lanes`.
#include "linear.hpp"
#include "native.hpp"

namespace {

struct Layers {
  const float *gain, *offset, *weight1, *bias1, *weight2, *bias2;
  int64_t rows, c, hidden, residual;

  Prologue norm() const { return {gain, offset, c, false}; }
  Prologue gelu() const { return {nullptr, nullptr, hidden, true}; }
};

template <class Math>
void forward(float* out, const float* x, const Layers& s, int64_t threads) {
  const int64_t c = s.c, hidden = s.hidden, tile = Math::tile;
  const Turned<Math> first(s.weight1, hidden, c), second(s.weight2, c, hidden);
  const Prologue norm = s.norm(), gelu = s.gelu();
  parallel(threads, threads, [&](int64_t part, int64_t) {
    const Math math{};
    std::vector<float> a(tile * c), h(tile * hidden);
    typename Math::Left normed(tile, c), active(tile, hidden);
    for_each_tile(s.rows, tile, part, threads, [&](int64_t r, int64_t count) {
      const float* from = x + r * c;
      float* to = out + r * c;
      norm(from, count, a.data());
      normed.pack(a.data(), count, c, c);
      math.product(normed, first.right, h.data(), hidden);
      add_rows(h.data(), s.bias1, nullptr, count, hidden);
      gelu(h.data(), count, h.data());
      active.pack(h.data(), count, hidden, hidden);
      math.product(active, second.right, to, c);
      add_rows(to, s.bias2, s.residual ? from : nullptr, count, c);
    });
  });
}

template <class Math>
void backward(float* dx, float* dgain, float* doffset, float* dweight1, float* dbias1,
              float* dweight2, float* dbias2, const float* d, const float* x, const Layers& s,
              int64_t threads) {
  const int64_t c = s.c, hidden = s.hidden, tile = Math::tile, size = c * hidden;
  const Turned<Math> first(s.weight1, hidden, c);
  typename Math::Right first_back(hidden, c), second_back(c, hidden);
  first_back.pack(s.weight1, hidden, c, c);
  second_back.pack(s.weight2, c, hidden, hidden);
  const Prologue norm = s.norm(), gelu = s.gelu();
  Parts sums(threads, 2 * size + hidden + 3 * c);
  parallel(threads, threads, [&](int64_t part, int64_t) {
    const Math math{};
    Prologue::Kept kept(norm, tile), slopes(gelu, tile);
    std::vector<float> a(tile * c), h(tile * hidden);
    typename Math::Left normed(tile, c), gradient(tile, c), inner(tile, hidden), turned(c, tile),
        inner_turned(hidden, tile);
    typename Math::Right active(tile, hidden), input(tile, c);
    float *dw1 = sums.of(part), *dw2 = dw1 + size, *db1 = dw2 + size, *db2 = db1 + hidden,
          *dg = db2 + c, *doff = dg + c;
    for_each_tile(s.rows, tile, part, threads, [&](int64_t r, int64_t count) {
      const float *from = x + r * c, *g = d + r * c;
      float* to = dx + r * c;
      norm(from, count, a.data(), &kept);
      normed.pack(a.data(), count, c, c);
      math.product(normed, first.right, h.data(), hidden);
      add_rows(h.data(), s.bias1, nullptr, count, hidden);
      gelu(h.data(), count, h.data(), &slopes);
      // second layer
      turned.turn(g, c, count, c);
      active.pack(h.data(), count, hidden, hidden);
      math.product(turned, active, dw2, hidden, true);
      add_sums(db2, g, count, c);
      gradient.pack(g, count, c, c);
      math.product(gradient, second_back, h.data(), hidden);
      gelu.backward(h.data(), count, slopes, nullptr, nullptr);
      // first layer
      inner_turned.turn(h.data(), hidden, count, hidden);
      input.pack(a.data(), count, c, c);
      math.product(inner_turned, input, dw1, c, true);
      add_sums(db1, h.data(), count, hidden);
      inner.pack(h.data(), count, hidden, hidden);
      math.product(inner, first_back, to, c);
      norm.backward(to, count, kept, dg, doff);
      add_rows(to, nullptr, s.residual ? g : nullptr, count, c);
    });
  });
  int64_t from = 0;
  const auto total = [&](float* to, int64_t count) {
    sums.total(from, count, to);
    from += count;
  };
  total(dweight1, size);
  total(dweight2, size);
  total(dbias1, hidden);
  total(dbias2, c);
  total(dgain, c);
  total(doffset, c);
}

}  // namespace

extern "C" void perceptron_forward(float* out, const float* x, const float* gain,
                                   const float* offset, const float* weight1, const float* bias1,
                                   const float* weight2, const float* bias2, int64_t rows,
                                   int64_t c, int64_t hidden, int64_t residual, int64_t bfloat16,
                                   int64_t threads) {
  const auto run = rounds(bfloat16) ? forward<Bfloat16> : forward<Float32>;
  run(out, x, {gain, offset, weight1, bias1, weight2, bias2, rows, c, hidden, residual}, threads);
}

extern "C" void perceptron_backward(float* dx, float* dgain, float* doffset, float* dweight1,
                                    float* dbias1, float* dweight2, float* dbias2, const float* d,
                                    const float* x, const float* gain, const float* offset,
                                    const float* weight1, const float* bias1, const float* weight2,
                                    const float* bias2, int64_t rows, int64_t c, int64_t hidden,
                                    int64_t residual, int64_t bfloat16, int64_t threads) {
  const auto run = rounds(bfloat16) ? backward<Bfloat16> : backward<Float32>;
  run(dx, dgain, doffset, dweight1, dbias1, dweight2, dbias2, d, x,
      {gain, offset, weight1, bias1, weight2, bias2, rows, c, hidden, residual}, threads);
}
