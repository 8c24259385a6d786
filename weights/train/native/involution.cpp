// SPDX-License-Identifier: Apache-2.0
// Involution with the layer that makes its kernels, and the gradients, without the kernels ever
// being stored for an image. z, out [b,h,w,8 groups]; s [b,h,w,hidden]; kernels k = W relu(s) +
// bias, [groups,9] for a pixel; factor [h,w,9]; out(p) = sum_q factor(p,q) k(p,q) z(p+q), zeros
// outside. 8 groups and hidden are multiples of `lanes`.
#include "native.hpp"
#include "vector.hpp"

namespace {

struct Shape {
  int64_t b, h, w, groups, hidden;

  int64_t channels() const { return 8 * groups; }
  int64_t taps() const { return 9 * groups; }
  int64_t columns() const {
    return padded(taps()) + lanes;
  }  // of a pixel's kernels, with room for `spread`
};

// The layer that makes kernels, its outputs ordered [9, groups]; and a row of an image's kernels.
struct Kernels {
  const Shape& s;
  std::vector<float> weight, turned, bias, hidden, k;

  Kernels(const Shape& shape, const float* from, const float* offset)
      : s(shape),
        weight(s.taps() * s.hidden),
        turned(s.hidden * padded(s.taps())),
        bias(padded(s.taps())),
        hidden(s.w * s.hidden),
        k(s.w * s.columns()) {
    for (int64_t g = 0; g < s.groups; ++g)
      for (int64_t q = 0; q < 9; ++q) {
        const int64_t t = q * s.groups + g;
        bias[t] = offset[g * 9 + q];
        for (int64_t i = 0; i < s.hidden; ++i)
          weight[t * s.hidden + i] = turned[i * padded(s.taps()) + t] =
              from[(g * 9 + q) * s.hidden + i];
      }
  }

  void make(const float* row) {
    for (int64_t i = 0; i < s.w * s.hidden; ++i) hidden[i] = std::max(row[i], 0.f);
    for (int64_t x = 0; x < s.w; ++x)
      std::copy(bias.begin(), bias.end(), k.begin() + x * s.columns());
    product(Rows{hidden.data(), s.hidden}, turned.data(), padded(s.taps()), s.w, padded(s.taps()),
            s.hidden, k.data(), s.columns(), true);
  }
};

// The numbers of lanes / 8 groups, each for its eight channels.
inline vec spread(const float* p) {
  ivec from;
  for (int i = 0; i < lanes; ++i) from[i] = i / 8;
  return __builtin_shuffle(load(p), from);
}

// Adds up the eight channels of each group; the sum stands in all of them.
inline vec group_sums(vec v) {
  for (int distance : {4, 2, 1}) {
    ivec from;
    for (int i = 0; i < lanes; ++i) from[i] = i ^ distance;
    v += __builtin_shuffle(v, from);
  }
  return v;
}

// The neighbours of a pixel that lie inside the image.
struct Neighbours {
  int count = 0, tap[9];
  int64_t place[9];  // in pixels, from the pixel

  Neighbours(const Shape& s, int64_t y, int64_t x) {
    for (int q = 0; q < 9; ++q) {
      const int dy = q / 3 - 1, dx = q % 3 - 1;
      if (y + dy < 0 || y + dy >= s.h || x + dx < 0 || x + dx >= s.w) continue;
      tap[count] = q;
      place[count++] = dy * s.w + dx;
    }
  }
};

}  // namespace

extern "C" void involution_forward(float* out, const float* z, const float* hidden,
                                   const float* weight, const float* bias, const float* factor,
                                   int64_t images, int64_t h, int64_t w, int64_t groups,
                                   int64_t width, int64_t threads) {
  const Shape s{images, h, w, groups, width};
  const int64_t c = s.channels();
  parallel(images * h, threads, [&](int64_t begin, int64_t end) {
    Kernels kernels(s, weight, bias);
    for (int64_t row = begin; row < end; ++row) {
      kernels.make(hidden + row * w * width);
      for (int64_t x = 0; x < w; ++x) {
        const Neighbours near(s, row % h, x);
        const float *k = kernels.k.data() + x * s.columns(), *f = factor + (row % h * w + x) * 9;
        const float* centre = z + (row * w + x) * c;
        for (int64_t i = 0; i < c; i += lanes) {
          vec sum{};
          for (int j = 0; j < near.count; ++j)
            sum += spread(k + near.tap[j] * groups + i / 8) * f[near.tap[j]] *
                   load(centre + near.place[j] * c + i);
          store(out + (row * w + x) * c + i, sum);
        }
      }
    }
  });
}

// Each thread takes a run of rows. What these give to the rows before and behind it stands apart at
// first; so do the gradients of factor and layer, which are summed over everything.
extern "C" void involution_backward(float* dz, float* dhidden, float* dweight, float* dbias,
                                    float* dfactor, const float* d, const float* z,
                                    const float* hidden, const float* weight, const float* bias,
                                    const float* factor, int64_t images, int64_t h, int64_t w,
                                    int64_t groups, int64_t width, int64_t threads) {
  const Shape s{images, h, w, groups, width};
  const int64_t c = s.channels(), row = w * c, rows = images * h, area = h * w * 9,
                size = s.taps() * width;
  threads = std::max<int64_t>(1, std::min(threads, rows));
  Parts sums(threads, 2 * row + area + size + s.taps());
  parallel(threads, threads, [&](int64_t part, int64_t) {
    Kernels kernels(s, weight, bias);
    std::vector<float> dk(w * s.columns());
    float *before = sums.of(part), *behind = before + row, *df = behind + row, *dw = df + area,
          *db = dw + size;
    const int64_t begin = rows * part / threads, end = rows * (part + 1) / threads;
    std::fill(dz + begin * row, dz + end * row, 0.f);
    for (int64_t n = begin; n < end; ++n) {
      const int64_t y = n % h, first = n * w;
      float* target[] = {n == begin ? before : dz + (n - 1) * row, dz + n * row,
                         n + 1 == end ? behind : dz + (n + 1) * row};
      kernels.make(hidden + first * width);
      std::fill(dk.begin(), dk.end(), 0.f);
      for (int64_t x = 0; x < w; ++x) {
        const Neighbours near(s, y, x);
        const float *k = kernels.k.data() + x * s.columns(), *f = factor + (y * w + x) * 9;
        const float *centre = z + (first + x) * c, *g = d + (first + x) * c;
        for (int j = 0; j < near.count; ++j) {
          const int q = near.tap[j];
          float* to = target[q / 3] + (x + q % 3 - 1) * c;
          vec slope{};
          for (int64_t i = 0; i < c; i += lanes) {
            const vec v = load(g + i), kernel = spread(k + q * groups + i / 8);
            const vec dot = group_sums(v * load(centre + near.place[j] * c + i));
            for (int e = 0; e < lanes / 8; ++e)
              dk[x * s.columns() + q * groups + i / 8 + e] = dot[8 * e] * f[q];
            slope += dot * kernel;
            store(to + i, load(to + i) + v * kernel * f[q]);
          }
          df[(y * w + x) * 9 + q] += sum(slope) / 8;
        }
      }
      product(Columns{dk.data(), s.columns()}, kernels.hidden.data(), width, s.taps(), width, w, dw,
              width, true);
      for (int64_t x = 0; x < w; ++x)
        for (int64_t t = 0; t < s.taps(); ++t) db[t] += dk[x * s.columns() + t];
      float* to = dhidden + first * width;
      product(Rows{dk.data(), s.columns()}, kernels.weight.data(), width, w, width, s.taps(), to,
              width);
      for (int64_t i = 0; i < w * width; ++i) to[i] = kernels.hidden[i] > 0 ? to[i] : 0.f;
    }
  });
  for (int64_t part = 0; part < threads; ++part) {
    const float *before = sums.of(part), *behind = before + row;
    const int64_t begin = rows * part / threads, end = rows * (part + 1) / threads;
    for (int64_t i = 0; begin > 0 && i < row; ++i) dz[(begin - 1) * row + i] += before[i];
    for (int64_t i = 0; end < rows && i < row; ++i) dz[end * row + i] += behind[i];
  }
  std::vector<float> dw(size), db(s.taps());
  sums.total(2 * row, area, dfactor);
  sums.total(2 * row + area, size, dw.data());
  sums.total(2 * row + area + size, s.taps(), db.data());
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t q = 0; q < 9; ++q) {
      dbias[g * 9 + q] = db[q * groups + g];
      std::copy_n(dw.data() + (q * groups + g) * width, width, dweight + (g * 9 + q) * width);
    }
}
