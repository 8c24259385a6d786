// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/half.hpp>         // float_bits_of_half, half_of_float_bits
#include <eqsr/core/pixel_view.hpp>   // SampleKind
#include <eqsr/core/samples.hpp>      // luma
#include <eqsr/cuda/kernel/exec.hpp>  // EQSR_DEVICE

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// Pixels in device memory, as kernels know them.
template <class Byte>
struct DevicePixels {
  Byte* data;  ///< the upper left pixel
  Index stride;
  int channels;
  bool bgr;
  detail::SampleKind kind;

  EQSR_DEVICE Byte* at(Index row, Index column, int sample_bytes) const {
    return data + row * stride + column * channels * sample_bytes;
  }
  /// Where colour c of three stands in a pixel.
  EQSR_DEVICE int place(int c) const { return channels == 1 ? 0 : bgr ? 2 - c : c; }
};

/// Pixels as a plane of RGB, as `to_image` makes it; alpha is left out. One thread a pixel.
struct ReadPixelsBody {
  static constexpr int max_threads = 256;
  struct Params {
    DevicePixels<const std::byte> from;
    float* y;
    Index height, width;
  };

  template <class T, class Exec>
  static EQSR_DEVICE T sample(Exec& exec, const std::byte* pixel, int place) {
    return exec.load(reinterpret_cast<const T*>(pixel) + place);
  }
  template <class Exec>
  static EQSR_DEVICE float value(Exec& exec, const Params& p, Index row, Index column, int c) {
    const int place = p.from.place(c);
    switch (p.from.kind) {
      case detail::SampleKind::bits8:
        return exec.div(sample<std::uint8_t>(exec, p.from.at(row, column, 1), place), 255.0f);
      case detail::SampleKind::bits16:
        return exec.div(sample<std::uint16_t>(exec, p.from.at(row, column, 2), place), 65535.0f);
      case detail::SampleKind::float16:
        return exec.as_float(
            float_bits_of_half(sample<std::uint16_t>(exec, p.from.at(row, column, 2), place)));
      default:
        return sample<float>(exec, p.from.at(row, column, 4), place);
    }
  }
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index pixel = Index{exec.block()} * max_threads + exec.thread();
    if (pixel >= p.height * p.width) return;
    for (int c = 0; c < 3; ++c)
      exec.store(p.y + 3 * pixel + c, value(exec, p, pixel / p.width, pixel % p.width, c));
  }
};

/// A plane of RGB as pixels: floats and halves as they are, others clamped and rounded as
/// `to_samples` does it; grey is the luma, alpha is opaque. One thread a pixel.
///
/// What is not finite stays so in floats and halves. NaN is black in the others.
struct WritePixelsBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float* x;
    DevicePixels<std::byte> to;
    Index height, width;
  };

  template <class T, class Exec>
  static EQSR_DEVICE void put(Exec& exec, std::byte* pixel, int place, T sample) {
    exec.store(reinterpret_cast<T*>(pixel) + place, sample);
  }
  template <class T, class Exec>
  static EQSR_DEVICE T rounded(Exec& exec, float value, float most) {
    const float within = value > 0 ? value < 1 ? value : 1.0f : 0.0f;
    return static_cast<T>(exec.round_even(exec.mul(within, most)));
  }
  template <class Exec>
  static EQSR_DEVICE void write(Exec& exec, const Params& p, Index row, Index column, int place,
                                float value) {
    switch (p.to.kind) {
      case detail::SampleKind::bits8:
        return put(exec, p.to.at(row, column, 1), place,
                   rounded<std::uint8_t>(exec, value, 255.0f));
      case detail::SampleKind::bits16:
        return put(exec, p.to.at(row, column, 2), place,
                   rounded<std::uint16_t>(exec, value, 65535.0f));
      case detail::SampleKind::float16:
        return put(exec, p.to.at(row, column, 2), place, half_of_float_bits(exec.bits_of(value)));
      default:
        return put(exec, p.to.at(row, column, 4), place, value);
    }
  }
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index pixel = Index{exec.block()} * max_threads + exec.thread();
    if (pixel >= p.height * p.width) return;
    const Index row = pixel / p.width, column = pixel % p.width;
    float rgb[3];
    for (int c = 0; c < 3; ++c) rgb[c] = exec.load(p.x + 3 * pixel + c);
    if (p.to.channels == 1) return write(exec, p, row, column, 0, luma(rgb));
    for (int c = 0; c < 3; ++c) write(exec, p, row, column, p.to.place(c), rgb[c]);
    if (p.to.channels == 4) write(exec, p, row, column, 3, 1.0f);
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
