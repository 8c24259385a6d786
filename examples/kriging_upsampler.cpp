// SPDX-License-Identifier: Apache-2.0
// The Kriging upsampler alone: it reads your features where they lie and writes the picture where
// you want it. Any number of channels, any size of the result. kriging_on_my_backbone.cpp has a
// whole network.
#include <eqsr/eqsr.hpp>

#include <cstdio>
#include <vector>

#include "random_weights.hpp"

namespace {

constexpr int my_channels = 24;

/// Stands for your network: some features of every pixel, channels last, in your own memory.
std::vector<float> my_backbone(int height, int width) {
  std::vector<float> features;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < my_channels; ++c)
        features.push_back(std::sin(0.3f * float(x) + 0.2f * float(y * (c + 1))));
  return features;
}

// [upsample]
/// Features of height x width pixels to an RGB picture of any size, without copying either.
template <class Backend>
std::vector<float> upsample(const std::vector<float>& features, int height, int width,
                            int target_height, int target_width) {
  eqsr::KrigingUpsampler<my_channels, Backend> upsampler;
  fill_with_random_weights(upsampler);  // or: eqsr::load_into(upsampler, weights, "upsample");

  std::vector<float> picture(std::size_t(target_height) * std::size_t(target_width) * 3);
  const eqsr::Plane<const float, my_channels> x(features.data(), height, width);
  const eqsr::Plane<float, 3> y(picture.data(), target_height, target_width);

  eqsr::Context<Backend> ctx;
  ctx.reserve(eqsr::plan(ctx, upsampler, x, y).workspace);  // the only allocation of temporaries
  upsampler.forward(ctx, x, y);
  return picture;
}
// [upsample]

}  // namespace

int main() {
  const std::vector<float> features = my_backbone(9, 12);
  const std::vector<float> fast = upsample<eqsr::Cpu>(features, 9, 12, 23, 40);
  const std::vector<float> exact = upsample<eqsr::Reference>(features, 9, 12, 23, 40);
  float largest = 0, difference = 0;
  for (std::size_t i = 0; i < fast.size(); ++i) {
    largest = std::max(largest, std::abs(exact[i]));
    difference = std::max(difference, std::abs(exact[i] - fast[i]));
  }
  std::printf("9 x 12 features of %d channels became 23 x 40 pixels;\n", my_channels);
  std::printf("the CPU kernels differ from the specification by %.1e of %.2f\n", double(difference),
              double(largest));
  return largest > 0 && difference < 1e-4f * std::max(1.0f, largest) ? 0 : 1;
}
