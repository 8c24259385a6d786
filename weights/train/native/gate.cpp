// SPDX-License-Identifier: Apache-2.0
// Channels that their means over the image gate: out = residual + gate y, then perhaps relu. The
// gate is a function of the means that PyTorch differentiates; here are the passes over the pixels.
// y, residual, out [images,pixels,c]; gate, means [images,c]; c is a multiple of `lanes`.
#include "native.hpp"
#include "vector.hpp"

namespace {

// Sums over each image's pixels of vectors use(pixel, channel); each thread takes a part of every
// image.
template <class Use>
void channel_sums(float* sums, int64_t images, int64_t pixels, int64_t c, int64_t threads,
                  Use use) {
  Parts parts(threads, images * c);
  parallel(threads, threads, [&](int64_t part, int64_t) {
    for (int64_t b = 0; b < images; ++b) {
      float* total = parts.of(part) + b * c;
      for (int64_t p = pixels * part / threads; p < pixels * (part + 1) / threads; ++p)
        for (int64_t i = 0; i < c; i += lanes)
          store(total + i, load(total + i) + use(b * pixels + p, i));
    }
  });
  parts.total(0, images * c, sums);
}

}  // namespace

extern "C" void channel_means(float* means, const float* y, int64_t images, int64_t pixels,
                              int64_t c, int64_t threads) {
  channel_sums(means, images, pixels, c, threads,
               [&](int64_t p, int64_t i) { return load(y + p * c + i); });
  for (int64_t i = 0; i < images * c; ++i) means[i] /= pixels;
}

extern "C" void gated_forward(float* out, const float* y, const float* gate, const float* residual,
                              int64_t relu, int64_t images, int64_t pixels, int64_t c,
                              int64_t threads) {
  parallel(images * pixels, threads, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p)
      for (int64_t i = 0; i < c; i += lanes) {
        vec v = load(y + p * c + i) * load(gate + p / pixels * c + i);
        if (residual) v += load(residual + p * c + i);
        store(out + p * c + i, relu ? larger(v, vec{}) : v);
      }
  });
}

// The gradient of the gate, and with `out` that of the residual, which is d where out is above
// zero.
extern "C" void gate_backward(float* dgate, float* dresidual, const float* d, const float* y,
                              const float* out, int64_t images, int64_t pixels, int64_t c,
                              int64_t threads) {
  channel_sums(dgate, images, pixels, c, threads, [&](int64_t p, int64_t i) {
    vec v = load(d + p * c + i);
    if (out) {
      v = load(out + p * c + i) > 0.f ? v : vec{};
      store(dresidual + p * c + i, v);
    }
    return v * load(y + p * c + i);
  });
}

// The gradient of y, of which a part comes through the means.
extern "C" void gated_backward(float* dy, const float* dresidual, const float* gate,
                               const float* dmeans, int64_t images, int64_t pixels, int64_t c,
                               int64_t threads) {
  const float share = 1.f / pixels;
  parallel(images * pixels, threads, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p)
      for (int64_t i = 0; i < c; i += lanes) {
        const int64_t place = p / pixels * c + i;
        store(dy + p * c + i,
              load(dresidual + p * c + i) * load(gate + place) + load(dmeans + place) * share);
      }
  });
}
