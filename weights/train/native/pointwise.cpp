// SPDX-License-Identifier: Apache-2.0
// GELU and layer norm with their gradients.
#include "native.hpp"
#include "vector.hpp"

// `slope` is the derivative at each x, for the gradients.
extern "C" void gelu_forward(float* out, float* slope, const float* x, int64_t count,
                             int64_t threads) {
  parallel(count / lanes, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = lanes * begin; i < lanes * end; i += lanes) {
      vec bell;
      const vec v = load(x + i), below = normal(v, bell);
      store(out + i, v * below);
      store(slope + i, below + v * bell * 0.39894228f);
    }
  });
}

// `moments` are the mean and the reciprocal deviation of each row, for the gradients.
extern "C" void layer_norm_forward(float* out, float* moments, const float* x, const float* weight,
                                   const float* bias, int64_t rows, int64_t c, int64_t threads) {
  parallel(rows, threads, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x + r * c;
      vec total{}, squares{};
      for (int64_t i = 0; i < c; i += lanes) total += load(row + i);
      const float mean = sum(total) / c;
      for (int64_t i = 0; i < c; i += lanes)
        squares += (load(row + i) - mean) * (load(row + i) - mean);
      const float scale = 1 / std::sqrt(sum(squares) / c + 1e-5f);
      for (int64_t i = 0; i < c; i += lanes)
        store(out + r * c + i, (load(row + i) - mean) * scale * load(weight + i) + load(bias + i));
      moments[2 * r] = mean;
      moments[2 * r + 1] = scale;
    }
  });
}

extern "C" void layer_norm_backward(float* dx, float* dweight, float* dbias, const float* d,
                                    const float* x, const float* weight, const float* moments,
                                    int64_t rows, int64_t c, int64_t threads) {
  std::vector<float> sums(threads * 2 * c);  // a part for each thread, added in turn
  parallel(threads, threads, [&](int64_t part, int64_t) {
    float *gain = sums.data() + part * 2 * c, *offset = gain + c;
    for (int64_t r = rows * part / threads; r < rows * (part + 1) / threads; ++r) {
      const float mean = moments[2 * r], scale = moments[2 * r + 1];
      vec total{}, dot{};
      for (int64_t i = 0; i < c; i += lanes) {
        const vec z = (load(x + r * c + i) - mean) * scale, g = load(d + r * c + i);
        store(gain + i, load(gain + i) + g * z);
        store(offset + i, load(offset + i) + g);
        total += g * load(weight + i);
        dot += g * load(weight + i) * z;
      }
      const float a = sum(total) / c, b = sum(dot) / c;
      for (int64_t i = 0; i < c; i += lanes) {
        const vec z = (load(x + r * c + i) - mean) * scale;
        store(dx + r * c + i, (load(d + r * c + i) * load(weight + i) - a - z * b) * scale);
      }
    }
  });
  for (int64_t i = 0; i < c; ++i) {
    dweight[i] = dbias[i] = 0;
    for (int64_t part = 0; part < threads; ++part) {
      dweight[i] += sums[part * 2 * c + i];
      dbias[i] += sums[part * 2 * c + c + i];
    }
  }
}
