// SPDX-License-Identifier: Apache-2.0
// Attention of each window of m x m pixels to the keys of the outer window of o x o pixels around
// it, with its gradients. qkv [b,h,w,3,heads,d]; bias [heads,m*m,o*o]; out [b,h,w,heads,d]. Keys
// outside the image are zero and take part. With a shift (then o = m) the image is moved cyclically
// before and back after, and -100 stands between what came together so.
#include "native.hpp"
#include "vector.hpp"

namespace {

struct Plan {
  int64_t b, h, w, heads, d, m, o, shift;

  int64_t windows() const { return b * (h / m) * (w / m); }
  int64_t queries() const { return m * m; }
  int64_t keys() const { return o * o; }
  int64_t columns() const { return padded(keys()); }  // of a row of scores
  int64_t width() const { return padded(d); }         // of a row of values
  int64_t pixel() const { return 3 * heads * d; }     // floats of a pixel in qkv
};

// The pixels of one window: which are its queries and keys, and which regions of the image they are
// from.
struct Window {
  std::vector<int64_t> query, key;
  std::vector<int> region;
  bool mixed = false;

  Window(const Plan& s, int64_t number) : query(s.queries()), key(s.keys()), region(s.queries()) {
    const int64_t across = s.w / s.m, image = number / (across * (s.h / s.m));
    const int64_t top = number / across % (s.h / s.m) * s.m, left = number % across * s.m,
                  pad = (s.o - s.m) / 2;
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t j = 0; j < s.m; ++j) {
        const int64_t y = top + i, x = left + j, p = i * s.m + j;
        query[p] = (image * s.h + (y + s.shift) % s.h) * s.w + (x + s.shift) % s.w;
        region[p] = s.shift ? part(y, s.h, s.m) * 3 + part(x, s.w, s.m) : 0;
        mixed = mixed || region[p] != region[0];
      }
    for (int64_t i = 0; i < s.o; ++i)
      for (int64_t j = 0; j < s.o; ++j) {
        const int64_t y = top + i - pad, x = left + j - pad;
        const bool inside = y >= 0 && y < s.h && x >= 0 && x < s.w;
        key[i * s.o + j] =
            inside ? (image * s.h + (y + s.shift) % s.h) * s.w + (x + s.shift) % s.w : -1;
      }
  }

  static int part(int64_t i, int64_t n, int64_t m) { return (i >= n - m) + (i >= n - m / 2); }
};

// Pixels of a feature map of which one head has d floats each: the first pixel's, floats between
// pixels, and the map's end.
struct Map {
  const float *p, *end;
  int64_t stride;
};

// Rows of one head from the pixels `places`; those outside, and what is behind d floats, are zero.
void gather(Map from, int64_t d, const std::vector<int64_t>& places, float* to, int64_t width) {
  vec inside{};
  for (int64_t c = 0; c < std::min<int64_t>(d, lanes); ++c) inside[c] = 1;
  for (size_t p = 0; p < places.size(); ++p, to += width) {
    const float* row = from.p + places[p] * from.stride;
    if (places[p] < 0)
      std::fill(to, to + width, 0.f);
    else if (width == lanes && row + lanes <= from.end)
      store(to, load(row) * inside);
    else
      std::copy(row, row + d, to);
  }
}

void transpose(const float* from, int64_t rows, int64_t width, int64_t d, float* to, int64_t ld) {
  for (int64_t c = 0; c < d; ++c)
    for (int64_t r = 0; r < rows; ++r) to[c * ld + r] = from[r * width + c];
}

// Adds rows to the pixels inside the image.
void scatter(const float* from, int64_t width, int64_t d, const std::vector<int64_t>& places,
             float* to, int64_t stride) {
  for (size_t p = 0; p < places.size(); ++p, from += width)
    if (places[p] >= 0)
      for (int64_t c = 0; c < d; ++c) to[places[p] * stride + c] += from[c];
}

// Scores of R rows to probabilities, side by side to hide the latencies; columns behind the last
// key become zero.
template <int R>
void softmax(float* rows, int64_t keys, int64_t columns) {
  vec top[R], total[R] = {};
  for (int r = 0; r < R; ++r) {
    for (int64_t k = keys; k < columns; ++k) rows[r * columns + k] = -1e30f;
    top[r] = load(rows + r * columns);
  }
  for (int64_t k = lanes; k < columns; k += lanes)
    for (int r = 0; r < R; ++r) top[r] = larger(top[r], load(rows + r * columns + k));
  for (int r = 0; r < R; ++r) top[r] = all(largest(top[r]));
  for (int64_t k = 0; k < columns; k += lanes)
    for (int r = 0; r < R; ++r) {
      const vec e = exp_nonpositive(load(rows + r * columns + k) - top[r]);
      store(rows + r * columns + k, e);
      total[r] += e;
    }
  for (int r = 0; r < R; ++r) total[r] = all(1 / sum(total[r]));
  for (int64_t k = 0; k < columns; k += lanes)
    for (int r = 0; r < R; ++r)
      store(rows + r * columns + k, load(rows + r * columns + k) * total[r]);
  for (int r = 0; r < R; ++r)
    for (int64_t k = keys; k < columns; ++k) rows[r * columns + k] = 0;
}

// One head of one window, packed for the products; what is behind a row's d floats stays zero.
struct Head {
  std::vector<float> q, k, v, turned;

  explicit Head(const Plan& s)
      : q(s.queries() * s.width()),
        k(s.keys() * s.width()),
        v(k.size()),
        turned(s.d * s.columns()) {}

  void read(const Plan& s, const Window& window, const float* qkv, int64_t head) {
    const auto part = [&](int64_t n) {
      return Map{qkv + (n * s.heads + head) * s.d, qkv + s.b * s.h * s.w * s.pixel(), s.pixel()};
    };
    gather(part(0), s.d, window.query, q.data(), s.width());
    const float scale = 1 / std::sqrt(float(s.d));
    for (float& x : q) x *= scale;
    gather(part(1), s.d, window.key, k.data(), s.width());
    gather(part(2), s.d, window.key, v.data(), s.width());
  }

  const float* turn(const Plan& s, const std::vector<float>& rows) {
    transpose(rows.data(), s.keys(), s.width(), s.d, turned.data(), s.columns());
    return turned.data();
  }
};

}  // namespace

// `kept` are the probabilities [windows,heads,queries,columns], for the gradients.
extern "C" void attention_forward(float* out, float* kept, const float* qkv, const float* bias,
                                  int64_t b, int64_t h, int64_t w, int64_t heads, int64_t d,
                                  int64_t m, int64_t o, int64_t shift, int64_t threads) {
  const Plan s{b, h, w, heads, d, m, o, shift};
  const int64_t area = s.queries() * s.columns();
  parallel(s.windows(), threads, [&](int64_t begin, int64_t end) {
    Head part(s);
    std::vector<float> result(s.queries() * s.width());
    for (int64_t n = begin; n < end; ++n) {
      const Window window(s, n);
      for (int64_t head = 0; head < s.heads; ++head) {
        part.read(s, window, qkv, head);
        float* p = kept + (n * s.heads + head) * area;
        product(Rows{part.q.data(), s.width()}, part.turn(s, part.k), s.columns(), s.queries(),
                s.columns(), s.d, p, s.columns());
        for (int64_t i = 0; i < s.queries(); ++i) {
          float* row = p + i * s.columns();
          const float* offset = bias + (head * s.queries() + i) * s.keys();
          for (int64_t j = 0; j < s.keys(); ++j) row[j] += offset[j];
          if (window.mixed)
            for (int64_t j = 0; j < s.keys(); ++j)
              row[j] += window.region[j] == window.region[i] ? 0.f : -100.f;
        }
        int64_t i = 0;
        for (; i + 4 <= s.queries(); i += 4) softmax<4>(p + i * s.columns(), s.keys(), s.columns());
        for (; i < s.queries(); ++i) softmax<1>(p + i * s.columns(), s.keys(), s.columns());
        product(Rows{p, s.columns()}, part.v.data(), s.width(), s.queries(), s.width(), s.keys(),
                result.data(), s.width());
        for (int64_t i = 0; i < s.queries(); ++i)
          std::copy_n(result.data() + i * s.width(), s.d,
                      out + (window.query[i] * s.heads + head) * s.d);
      }
    }
  });
}

// Images are independent of each other; an image's windows go one after another, since their outer
// windows overlap.
extern "C" void attention_backward(float* dqkv, float* dbias, const float* gradient,
                                   const float* qkv, const float* kept, int64_t b, int64_t h,
                                   int64_t w, int64_t heads, int64_t depth, int64_t m, int64_t o,
                                   int64_t shift, int64_t threads) {
  const Plan s{b, h, w, heads, depth, m, o, shift};
  const int64_t area = s.queries() * s.columns(), part_size = s.heads * s.d;
  const float scale = 1 / std::sqrt(float(s.d));
  std::fill(dqkv, dqkv + b * h * w * s.pixel(), 0.f);
  const int64_t entries = s.heads * s.queries() * s.keys(), inside = s.windows() / b;
  threads = std::max<int64_t>(1, std::min(threads, b));
  Parts biases(threads, entries);
  parallel(threads, threads, [&](int64_t share, int64_t) {
    Head part(s);
    std::vector<float> d(s.queries() * s.width()), ds(area), dq(d.size()),
        dkv(s.keys() * s.width());
    for (int64_t n = b * share / threads * inside; n < b * (share + 1) / threads * inside; ++n) {
      const Window window(s, n);
      for (int64_t head = 0; head < s.heads; ++head) {
        const float* p = kept + (n * s.heads + head) * area;
        part.read(s, window, qkv, head);
        gather({gradient + head * s.d, gradient + b * h * w * part_size, part_size}, s.d,
               window.query, d.data(), s.width());
        // values: dV = P^T dO
        product(Columns{p, s.columns()}, d.data(), s.width(), s.keys(), s.width(), s.queries(),
                dkv.data(), s.width());
        scatter(dkv.data(), s.width(), s.d, window.key, dqkv + 2 * part_size + head * s.d,
                s.pixel());
        // scores: dS = P (dP - sum of P dP), dP = dO V^T
        product(Rows{d.data(), s.width()}, part.turn(s, part.v), s.columns(), s.queries(),
                s.columns(), s.d, ds.data(), s.columns());
        for (int64_t i = 0; i < s.queries(); ++i) {
          float* row = ds.data() + i * s.columns();
          const float* pr = p + i * s.columns();
          vec dot{};
          for (int64_t j = 0; j < s.columns(); j += lanes) dot += load(row + j) * load(pr + j);
          const float mean = sum(dot);
          for (int64_t j = 0; j < s.columns(); j += lanes)
            store(row + j, load(pr + j) * (load(row + j) - mean));
          float* sums = biases.of(share) + (head * s.queries() + i) * s.keys();
          for (int64_t j = 0; j < s.keys(); ++j) sums[j] += row[j];
        }
        // queries: dQ = dS K / sqrt(d); keys: dK = dS^T Q, whose Q is divided already
        product(Rows{ds.data(), s.columns()}, part.k.data(), s.width(), s.queries(), s.width(),
                s.keys(), dq.data(), s.width());
        for (float& x : dq) x *= scale;
        scatter(dq.data(), s.width(), s.d, window.query, dqkv + head * s.d, s.pixel());
        product(Columns{ds.data(), s.columns()}, part.q.data(), s.width(), s.keys(), s.width(),
                s.queries(), dkv.data(), s.width());
        scatter(dkv.data(), s.width(), s.d, window.key, dqkv + part_size + head * s.d, s.pixel());
      }
    }
  });
  biases.total(0, entries, dbias);
}
