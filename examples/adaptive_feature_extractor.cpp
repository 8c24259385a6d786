// SPDX-License-Identifier: Apache-2.0
// The adaptive feature extractor alone: a convolution block for a network of your own that is told
// the scale, and treats the same features differently for x2 and for x3.7.
#include <eqsr/eqsr.hpp>

#include <cstdio>

#include "random_weights.hpp"

namespace {

constexpr int channels = 32, frequencies = 8;
constexpr int style_size = eqsr::encoding_size(frequencies);
using Extractor = eqsr::AdaptiveFeatureExtractor<channels, style_size, channels / 4, eqsr::Cpu>;
using Features =
    eqsr::Tensor<eqsr::Cpu, float, eqsr::Axis<'h'>, eqsr::Axis<'w'>, eqsr::Axis<'c', channels>>;

/// The features that the block makes of x when the picture is to be enlarged by `scale`.
Features extract(eqsr::Context<eqsr::Cpu>& ctx, const Extractor& extractor, const Features& x,
                 float scale) {
  // The scale as a vector: itself, and sines and cosines of it in rising octaves.
  eqsr::Tensor<eqsr::Cpu, float, eqsr::Axis<'m'>, eqsr::Axis<'c', style_size>> style(1);
  const eqsr::Rows<const float, 1> number(&scale, 1);
  eqsr::launch<eqsr::op::FrequencyEncoding>(ctx, number, eqsr::Encoding::division, style.view());

  Features y(x.extent<'h'>(), x.extent<'w'>());
  extractor.forward(ctx, x.view(), eqsr::Channels<const float, style_size>(style.data()), y.view());
  return y;
}

float largest_difference(const Features& a, const Features& b) {
  float largest = 0;
  for (eqsr::Index i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
  return largest;
}

}  // namespace

int main() {
  Extractor extractor;
  fill_with_random_weights(extractor);
  Features x(10, 14);
  for (eqsr::Index i = 0; i < x.size(); ++i) x.data()[i] = float(i % 17) / 17;

  eqsr::Context<eqsr::Cpu> ctx;
  const Features twice = extract(ctx, extractor, x, 2.0f);
  const Features again = extract(ctx, extractor, x, 2.0f);
  const Features more = extract(ctx, extractor, x, 3.7f);
  const float same = largest_difference(twice, again), other = largest_difference(twice, more);
  std::printf("two runs at x2 differ by %g; x2 and x3.7 differ by %g\n", double(same),
              double(other));
  return same == 0 && other > 1e-4f ? 0 : 1;
}
