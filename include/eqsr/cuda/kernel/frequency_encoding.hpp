// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>          // Exec
#include <eqsr/layer/frequency_encoding.hpp>  // Encoding

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// Sine and cosine of a float32 number, however large, to a fraction of an ulp.
///
/// The fraction of a/2π is one fixed-point product: the 24 bits of the mantissa times 96 bits of
/// 1/2π, which begin where the exponent says; whole turns fall off. What lies within an eighth of a
/// turn of a quarter is small, so the double functions need no range reduction of their own.
template <class Exec>
EQSR_DEVICE Float2 sin_cos(Exec& exec, float a) {
  // 1/2π after 32 zero bits.
  const std::uint32_t digits[9] = {0,           0x28BE60DBU, 0x9391054AU, 0x7F09D5F4U, 0x7D4D3770U,
                                   0x36D8A566U, 0x4F10E410U, 0x7F9458EAU, 0xF7AEF158U};
  const std::uint32_t bits = exec.bits_of(a);
  const int exponent = static_cast<int>(bits >> 23 & 0xffU) - 127;
  double angle = static_cast<double>(a);
  unsigned quarter = 0;
  if (exponent == 128) return {{a - a, a - a}};
  if (exponent >= 0) {
    const int at = exponent - 23 + 32, word = at / 32, shift = at % 32;
    std::uint32_t window[3];
    EQSR_UNROLL
    for (int i = 0; i < 3; ++i) {
      std::uint32_t high = 0, low = 0;
      EQSR_UNROLL
      for (int d = 0; d < 8; ++d)  // no indexing at run time: the digits stay in registers
        if (d == word + i) {
          high = digits[d];
          low = digits[d + 1];
        }
      window[i] = shift == 0 ? high : high << shift | low >> (32 - shift);
    }
    const std::uint64_t mantissa = (bits & 0x7fffffU) | 0x800000U;
    const std::uint64_t lowest = mantissa * window[2] >> 32;
    const std::uint64_t middle = mantissa * window[1] + lowest;
    const std::uint64_t turns = (mantissa * window[0] << 32) + middle;  // modulo one
    const std::uint64_t nearest = turns + (std::uint64_t{1} << 61);
    quarter = static_cast<unsigned>(nearest >> 62);
    const auto rest = static_cast<std::int64_t>(turns - (nearest & (std::uint64_t{3} << 62)));
    angle = static_cast<double>(rest) * 3.4061215800865545e-19;  // 2π / 2^64
    if (bits >> 31) {
      angle = -angle;
      quarter = 4 - quarter;
    }
  }
  const double s = exec.sine(angle), c = exec.cosine(angle);
  switch (quarter & 3U) {
    case 0:
      return {{static_cast<float>(s), static_cast<float>(c)}};
    case 1:
      return {{static_cast<float>(c), static_cast<float>(-s)}};
    case 2:
      return {{static_cast<float>(-s), static_cast<float>(-c)}};
    default:
      return {{static_cast<float>(-c), static_cast<float>(s)}};
  }
}

/// The encoding of K numbers a row; one thread a number and frequency.
struct FrequencyEncodingBody {
  static constexpr int max_threads = 128;
  struct Params {
    const float* x;
    float* y;
    Index rows;
    int numbers, frequencies;
    Encoding policy;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index id = Index{exec.block()} * max_threads + exec.thread();
    const int each = p.frequencies + 1;  // the number itself, then the frequencies
    if (id >= p.rows * p.numbers * each) return;
    const int i = static_cast<int>(id % each) - 1;
    const int k = static_cast<int>(id / each % p.numbers);
    const Index row = id / each / p.numbers;
    const float t = exec.load(p.x + row * p.numbers + k);
    float* y = p.y + row * p.numbers * (1 + 2 * p.frequencies);
    if (i < 0) {
      exec.store(y + k, t);
      return;
    }
    // fl(2^i pi) is fl(pi) with another exponent.
    const float frequency =
        exec.as_float(exec.bits_of(3.14159274f) + (static_cast<std::uint32_t>(i) << 23));
    const float product = exec.mul(frequency, t);
    const Float2 pair = sin_cos(
        exec, p.policy == Encoding::division ? exec.div(product, 10.0f) : exec.mul(product, 0.1f));
    exec.store(y + (1 + 2 * i) * p.numbers + k, pair.v[0]);
    exec.store(y + (2 + 2 * i) * p.numbers + k, pair.v[1]);
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
