// SPDX-License-Identifier: Apache-2.0
// Attention of each window of m x m pixels to the keys of the outer window of o x o pixels around
// it, with its gradients. qkv [b,h,w,3,heads,d]; bias [heads,m*m,o*o]; out [b,h,w,heads,d]. Keys
// outside the image are zero and take part. With a shift (then o = m) the image is moved cyclically
// before and back after, and -100 stands between what came together so. Scores stand as
// [keys,queries], so that whatever is summed over keys needs no sum inside a vector; they are made
// anew for the gradients, which takes less time than their way through memory.
#include "native.hpp"
#include "vector.hpp"

namespace {

struct Plan {
  int64_t b, h, w, heads, d, m, o, shift;

  int64_t windows() const { return b * (h / m) * (w / m); }
  int64_t queries() const { return m * m; }
  int64_t keys() const { return o * o; }
  int64_t columns() const { return padded(queries()); }  // of a row of scores
  int64_t width() const { return padded(d); }            // of a row of values
  int64_t pixel() const { return 3 * heads * d; }        // floats of a pixel in qkv
  int64_t area() const { return keys() * columns(); }
};

// The pixels of one window: which are its queries and keys, and which regions of the image they are
// from.
struct Window {
  std::vector<int64_t> query, key;
  std::vector<float> region;
  bool mixed = false;

  Window(const Plan& s, int64_t number) : query(s.queries()), key(s.keys()), region(s.columns()) {
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

// Adds rows, zero behind d floats, to the pixels inside the image; nothing at `end` is touched.
void scatter(const float* from, int64_t width, int64_t d, const std::vector<int64_t>& places,
             float* to, int64_t stride, const float* end) {
  for (size_t p = 0; p < places.size(); ++p, from += width) {
    if (places[p] < 0) continue;
    float* row = to + places[p] * stride;
    if (width == lanes && row + lanes <= end)
      store(row, load(row) + load(from));
    else
      for (int64_t c = 0; c < d; ++c) row[c] += from[c];
  }
}

// For the scores: [heads,keys,columns] of [heads,queries,keys], and back.
std::vector<float> by_keys(const Plan& s, const float* bias) {
  std::vector<float> turned(s.heads * s.area());
  for (int64_t h = 0; h < s.heads; ++h)
    for (int64_t i = 0; i < s.queries(); ++i)
      for (int64_t j = 0; j < s.keys(); ++j) turned[h * s.area() + j * s.columns() + i] = *bias++;
  return turned;
}
void by_queries(const Plan& s, const std::vector<float>& turned, float* bias) {
  for (int64_t h = 0; h < s.heads; ++h)
    for (int64_t i = 0; i < s.queries(); ++i)
      for (int64_t j = 0; j < s.keys(); ++j) *bias++ = turned[h * s.area() + j * s.columns() + i];
}

// One head of one window: the rows of its pixels, zero behind d floats and behind the last query;
// the scores; and room for results.
struct Head {
  const Plan& s;
  std::vector<float> q, k, v, turned, scores, rows;

  explicit Head(const Plan& plan)
      : s(plan),
        q(s.columns() * s.width()),
        k(s.keys() * s.width()),
        v(k.size()),
        turned(q.size()),
        scores(s.area()),
        rows(std::max(q.size(), k.size())) {}

  void read(const Window& window, const float* qkv, int64_t head) {
    const auto part = [&](int64_t n) {
      return Map{qkv + (n * s.heads + head) * s.d, qkv + s.b * s.h * s.w * s.pixel(), s.pixel()};
    };
    gather(part(0), s.d, window.query, q.data(), s.width());
    const float scale = 1 / std::sqrt(float(s.d));
    for (float& x : q) x *= scale;
    gather(part(1), s.d, window.key, k.data(), s.width());
    gather(part(2), s.d, window.key, v.data(), s.width());
  }

  // to [keys,queries] = left [keys,d] right [queries,d]^T
  void multiply(const std::vector<float>& left, const std::vector<float>& right, float* to) {
    transpose(right.data(), s.columns(), s.width(), s.width(), turned.data(), s.columns());
    product(Rows{left.data(), s.width()}, turned.data(), s.columns(), s.keys(), s.columns(), s.d,
            to, s.columns());
  }

  // rows [queries,d] = scores^T [queries,keys] right [keys,d], times `scales` of each query
  void gather_scores(const std::vector<float>& scores, const std::vector<float>& right,
                     const float* scales) {
    const int64_t columns = s.columns(), size = s.d * columns;
    float* p = turned.data();
    product(Columns{right.data(), s.width()}, scores.data(), columns, s.d, columns, s.keys(), p,
            columns);
    for (int64_t i = 0; i < columns; i += lanes) {
      const vec scale = load(scales + i);
      for (int64_t j = i; j < size; j += columns) store(p + j, load(p + j) * scale);
    }
    transpose(p, s.width(), columns, columns, rows.data(), s.width());
  }

  // rows [keys,d] = scores [keys,queries] right [queries,d]
  void spread_scores(const std::vector<float>& scores, const std::vector<float>& right) {
    product(Rows{scores.data(), s.columns()}, right.data(), s.width(), s.keys(), s.width(),
            s.columns(), rows.data(), s.width());
  }

  // Probabilities but for a factor; `bias` [keys,columns] is added to the scores. Tells the largest
  // score and the factor of each query.
  void weigh(const Window& window, const float* bias, float* top, float* factor) {
    const int64_t columns = s.columns(), area = s.area();  // which stores would have read again
    score(window);
    in_panels(columns, [&](auto width, int64_t i) {
      constexpr int V = width;
      float* p = scores.data() + i;
      const float* offset = bias + i;
      vec most[V], total[V] = {};
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) most[v] = load(p + lanes * v) + load(offset + lanes * v);
      for (int64_t j = 0; j < area; j += columns)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const int64_t k = j + lanes * v;
          const vec score = load(p + k) + load(offset + k);
          store(p + k, score);
          most[v] = larger(most[v], score);
        }
      for (int64_t j = 0; j < area; j += columns)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const int64_t k = j + lanes * v;
          const vec e = exp_nonpositive(load(p + k) - most[v]);
          store(p + k, e);
          total[v] += e;
        }
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        store(top + i + lanes * v, most[v]);
        store(factor + i + lanes * v, 1.f / total[v]);
      }
    });
  }

  // Probabilities, of what `weigh` told.
  void weigh_again(const Window& window, const float* bias, const float* top, const float* factor) {
    const int64_t columns = s.columns(), area = s.area();
    score(window);
    in_panels(columns, [&](auto width, int64_t i) {
      constexpr int V = width;
      float* p = scores.data() + i;
      const float* offset = bias + i;
      vec most[V], part[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        most[v] = load(top + i + lanes * v);
        part[v] = load(factor + i + lanes * v);
      }
      for (int64_t j = 0; j < area; j += columns)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          const int64_t k = j + lanes * v;
          store(p + k, exp_nonpositive(load(p + k) + load(offset + k) - most[v]) * part[v]);
        }
    });
  }

  void score(const Window& window) {
    multiply(k, q, scores.data());
    if (window.mixed) separate(window);
  }

  void separate(const Window& window) {
    const int64_t columns = s.columns(), keys = s.keys();
    for (int64_t i = 0; i < columns; i += lanes) {
      const vec regions = load(window.region.data() + i);
      float* p = scores.data() + i;
      for (int64_t j = 0; j < keys; ++j, p += columns)
        store(p, load(p) - (regions == all(window.region[j]) ? vec{} : all(100.f)));
    }
  }
};

}  // namespace

// `kept` are the largest score and the factor of each query, [windows,heads,2,queries padded to a
// multiple of `lanes`], for the gradients.
extern "C" void attention_forward(float* out, float* kept, const float* qkv, const float* bias,
                                  int64_t b, int64_t h, int64_t w, int64_t heads, int64_t d,
                                  int64_t m, int64_t o, int64_t shift, int64_t threads) {
  const Plan s{b, h, w, heads, d, m, o, shift};
  const std::vector<float> offsets = by_keys(s, bias);
  parallel(s.windows(), threads, [&](int64_t begin, int64_t end) {
    Head part(s);
    for (int64_t n = begin; n < end; ++n) {
      const Window window(s, n);
      for (int64_t head = 0; head < s.heads; ++head) {
        float *top = kept + (n * s.heads + head) * 2 * s.columns(), *factor = top + s.columns();
        part.read(window, qkv, head);
        part.weigh(window, offsets.data() + head * s.area(), top, factor);
        part.gather_scores(part.scores, part.v, factor);
        for (int64_t i = 0; i < s.queries(); ++i)
          std::copy_n(part.rows.data() + i * s.width(), s.d,
                      out + (window.query[i] * s.heads + head) * s.d);
      }
    }
  });
}

// Images are independent of each other; an image's windows go one after another, since their outer
// windows overlap.
extern "C" void attention_backward(float* dqkv, float* dbias, const float* gradient,
                                   const float* qkv, const float* bias, const float* kept,
                                   int64_t b, int64_t h, int64_t w, int64_t heads, int64_t depth,
                                   int64_t m, int64_t o, int64_t shift, int64_t threads) {
  const Plan s{b, h, w, heads, depth, m, o, shift};
  const int64_t part_size = s.heads * s.d, inside = s.windows() / s.b,
                image = s.h * s.w * s.pixel(), columns = s.columns(), area = s.area();
  const std::vector<float> scales(s.columns(), 1 / std::sqrt(float(s.d))),
      offsets = by_keys(s, bias);
  threads = std::max<int64_t>(1, std::min(threads, s.b));
  Parts biases(threads, s.heads * s.area());
  parallel(threads, threads, [&](int64_t share, int64_t) {
    Head part(s);
    std::vector<float> d(s.columns() * s.width()), ds(s.area());
    const int64_t first = s.b * share / threads, last = s.b * (share + 1) / threads;
    const float* end = dqkv + last * image;
    std::fill(dqkv + first * image, dqkv + last * image, 0.f);
    for (int64_t n = first * inside; n < last * inside; ++n) {
      const Window window(s, n);
      for (int64_t head = 0; head < s.heads; ++head) {
        const float *top = kept + (n * s.heads + head) * 2 * s.columns(),
                    *factor = top + s.columns();
        float *dq = dqkv + head * s.d, *dk = dq + part_size, *dv = dk + part_size;
        part.read(window, qkv, head);
        gather({gradient + head * s.d, gradient + s.b * s.h * s.w * part_size, part_size}, s.d,
               window.query, d.data(), s.width());
        part.weigh_again(window, offsets.data() + head * s.area(), top, factor);
        // values: dV = P^T dO
        part.spread_scores(part.scores, d);
        scatter(part.rows.data(), s.width(), s.d, window.key, dv, s.pixel(), end);
        // scores: dS = P (dP - sum of P dP), dP = dO V^T
        part.multiply(part.v, d, ds.data());
        float* sums = biases.of(share) + head * s.area();
        const float* p = part.scores.data();
        float* slopes = ds.data();
        in_panels(columns, [&](auto width, int64_t i) {
          constexpr int V = width;
          vec mean[V] = {};
          for (int64_t j = i; j < area; j += columns)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v)
              mean[v] += load(p + j + lanes * v) * load(slopes + j + lanes * v);
          for (int64_t j = i; j < area; j += columns)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) {
              const int64_t k = j + lanes * v;
              const vec slope = load(p + k) * (load(slopes + k) - mean[v]);
              store(slopes + k, slope);
              store(sums + k, load(sums + k) + slope);
            }
        });
        // keys: dK = dS^T Q, whose Q is divided already; queries: dQ = dS K / sqrt(d)
        part.spread_scores(ds, part.q);
        scatter(part.rows.data(), s.width(), s.d, window.key, dk, s.pixel(), end);
        part.gather_scores(ds, part.k, scales.data());
        scatter(part.rows.data(), s.width(), s.d, window.query, dq, s.pixel(), end);
      }
    }
  });
  std::vector<float> total(s.heads * s.area());
  biases.total(0, total.size(), total.data());
  by_queries(s, total, dbias);
}
