// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/plan.hpp>      // Cost
#include <eqsr/core/rounding.hpp>  // fl

#include <cmath>    // sin, cos
#include <numbers>  // pi

namespace eqsr { inline namespace EQSR_ABI {

/// How the encoding's argument is divided by ten. Pretrained weights expect the one they were
/// trained with: PyTorch divides on a CPU and multiplies by fl(1/10) on a GPU.
enum class Encoding { division, reciprocal };

/// The argument of frequency i, 2^i pi t / 10, in float32 and in this order:
///   a = fl( fl( fl(2^i pi) t ) / 10 )        division
///   a = fl( fl( fl(2^i pi) t ) fl(1/10) )    reciprocal
/// At i = 39 an ulp of `a` is many periods, so the order *is* the definition.
inline float encoding_argument(float t, int i, Encoding policy) {
  const float frequency = static_cast<float>(std::ldexp(std::numbers::pi, i));
  const float product = fl(frequency * t);
  return policy == Encoding::division ? fl(product / 10.0f) : fl(product * 0.1f);
}

/// The number of values that encode one number with F frequencies.
constexpr int encoding_size(int frequencies) { return 1 + 2 * frequencies; }

namespace op {
/// Frequency encoding of k numbers a row.
///   y(m, ·) = [t_1..t_k, sin a_0(t_1)..sin a_0(t_k), cos a_0(t_1).., sin a_1(t_1).., ...]
/// Shapes    x (m, c = k)   y (m, c = k (1 + 2F))
/// Rounding  arguments exactly as encoding_argument(); sine and cosine of that float32 number
///           with full range reduction, within 1 ulp
/// Cost      2 k F sines a row, once for each row and column of an image
/// Source    `upsample` and the style of `mbconv.net2`; paper section 3.4
struct FrequencyEncoding {
  template <int K, int E>
  static Cost cost(Rows<const float, K> x, Encoding, Rows<float, E> y) {
    return of(double(x.size()), double(y.size()));
  }
  static Cost of(double numbers, double encoded) {
    return {.flops = 20 * encoded, .bytes = 4 * (numbers + encoded)};
  }
};
}  // namespace op

template <>
struct Kernel<op::FrequencyEncoding, Reference> {
  template <int K, int E>
  static void run(auto&, Rows<const float, K> x, Encoding policy, Rows<float, E> y) {
    static_assert(E % K == 0 && (E / K) % 2 == 1,
                  "eqsr: FrequencyEncoding: k numbers have k (1 + 2F) encoded values.");
    for (Index m = 0; m < extent<'m'>(x); ++m)
      for (int k = 0; k < K; ++k) {
        y(m, k) = x(m, k);
        for (int i = 0; i < (E / K - 1) / 2; ++i) {
          const double a = encoding_argument(x(m, k), i, policy);
          y(m, (1 + 2 * i) * K + k) = static_cast<float>(std::sin(a));
          y(m, (2 + 2 * i) * K + k) = static_cast<float>(std::cos(a));
        }
      }
  }
};

}}  // namespace eqsr::EQSR_ABI
