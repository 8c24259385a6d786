// SPDX-License-Identifier: Apache-2.0
// Involution and its gradients in one pass each, for training on a CPU.
// z, out [b,h,w,g,8]; k [b,h,w,g,9]; f [h,w,9]; out(p) = sum_q f(p,q) k(p,q) z(p+q), zeros outside.
#include "native.hpp"

namespace {

struct Shape { int64_t b, h, w, g; };

// Calls use(q, pixel index of p+q) for the neighbours q of (y, x) inside the image.
template <class Use>
inline void neighbours(const Shape& s, int64_t b, int64_t y, int64_t x, Use use) {
    for (int64_t dy = -1; dy <= 1; ++dy)
        for (int64_t dx = -1; dx <= 1; ++dx)
            if (y + dy >= 0 && y + dy < s.h && x + dx >= 0 && x + dx < s.w)
                use((dy + 1) * 3 + dx + 1, (b * s.h + y + dy) * s.w + x + dx);
}

}  // namespace

extern "C" void involution_forward(float* op, const float* zp, const float* kp, const float* fp, int64_t images, int64_t h,
                                   int64_t w, int64_t g, int64_t threads) {
    const Shape s{images, h, w, g};
    parallel(s.b * s.h, threads, [&](int64_t begin, int64_t end) {
        std::fill(op + begin * w * g * 8, op + end * w * g * 8, 0.f);
        for (int64_t row = begin; row < end; ++row)
            for (int64_t x = 0; x < s.w; ++x) {
                const int64_t b = row / s.h, y = row % s.h, p = row * s.w + x;
                neighbours(s, b, y, x, [&](int64_t q, int64_t n) {
                    const float factor = fp[(y * s.w + x) * 9 + q];
                    for (int64_t g = 0; g < s.g; ++g) {
                        const float weight = kp[(p * s.g + g) * 9 + q] * factor;
                        for (int c = 0; c < 8; ++c) op[(p * s.g + g) * 8 + c] += weight * zp[(n * s.g + g) * 8 + c];
                    }
                });
            }
    });
}

extern "C" void involution_backward(float* dzp, float* dkp, float* dfp, const float* dp, const float* zp, const float* kp,
                                    const float* fp, int64_t images, int64_t h, int64_t w, int64_t g, int64_t threads) {
    const Shape s{images, h, w, g};
    std::fill(dzp, dzp + s.b * s.h * s.w * s.g * 8, 0.f);
    std::fill(dkp, dkp + s.b * s.h * s.w * s.g * 9, 0.f);
    std::fill(dfp, dfp + s.h * s.w * 9, 0.f);
    parallel(s.h, threads, [&](int64_t begin, int64_t end) {
        for (int64_t y = begin; y < end; ++y)
            for (int64_t b = 0; b < s.b; ++b)
                for (int64_t x = 0; x < s.w; ++x) {
                    const int64_t p = (b * s.h + y) * s.w + x;
                    neighbours(s, b, y, x, [&](int64_t q, int64_t n) {
                        const int64_t here = (y * s.w + x) * 9 + q;
                        float sum = 0;
                        for (int64_t g = 0; g < s.g; ++g) {
                            float dot = 0;
                            for (int c = 0; c < 8; ++c) dot += dp[(p * s.g + g) * 8 + c] * zp[(n * s.g + g) * 8 + c];
                            const int64_t i = (p * s.g + g) * 9 + q;
                            dkp[i] = dot * fp[here];
                            sum += dot * kp[i];
                        }
                        dfp[here] += sum;
                        // p is neighbour 8-q of n, so n's kernel carried z(p) to out(n).
                        const float factor = fp[(n % (s.h * s.w)) * 9 + 8 - q];
                        for (int64_t g = 0; g < s.g; ++g) {
                            const float weight = kp[(n * s.g + g) * 9 + 8 - q] * factor;
                            for (int c = 0; c < 8; ++c) dzp[(p * s.g + g) * 8 + c] += weight * dp[(n * s.g + g) * 8 + c];
                        }
                    });
                }
    });
}

