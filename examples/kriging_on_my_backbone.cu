// SPDX-License-Identifier: Apache-2.0
// The Kriging upsampler behind a network of your own on a GPU: it reads your features where they
// lie in device memory and writes the picture where you want it.
#include <eqsr/eqsr.cuh>

#include <cstdio>
#include <vector>

#include "random_weights.hpp"

constexpr int my_channels = 24;

/// Stands for your network: some features of every pixel, channels last, in device memory.
__global__ void my_backbone(float* features, int height, int width) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= height * width * my_channels) return;
  const int c = i % my_channels, x = i / my_channels % width, y = i / my_channels / width;
  features[i] = sinf(0.3f * float(x) + 0.2f * float(y * (c + 1)));
}

int main() try {
  constexpr int height = 9, width = 12, target_height = 23, target_width = 40;
  eqsr::Context<eqsr::Cuda> ctx;

  // Your memory may come from anywhere; a tensor of the library is one way to have some.
  using eqsr::Axis;
  eqsr::Tensor<eqsr::Cuda, float, Axis<'h'>, Axis<'w'>, Axis<'c', my_channels>> features(height,
                                                                                         width);
  eqsr::Tensor<eqsr::Cuda, float, Axis<'h'>, Axis<'w'>, Axis<'c', 3>> picture(target_height,
                                                                              target_width);
  const int count = int(features.size());
  my_backbone<<<(count + 255) / 256, 256, 0, ctx.stream()>>>(features.data(), height, width);

  eqsr::KrigingUpsampler<my_channels, eqsr::Cuda> upsampler;
  fill_with_random_weights(upsampler);  // or: eqsr::load_into(upsampler, weights, "upsample")
  const auto x = std::as_const(features).view();
  ctx.reserve(eqsr::plan(ctx, upsampler, x, picture.view()).workspace);

  std::vector<float> pixels[2];
  for (const auto precision : {eqsr::Precision::float32, eqsr::Precision::bf16}) {
    ctx.precision = precision;
    upsampler.forward(ctx, x, picture.view());  // behind my_backbone in the same stream
    ctx.sync();
    auto& result = pixels[precision == eqsr::Precision::bf16];
    result.resize(std::size_t(picture.size()));
    picture.copy_to_host(result.data());
  }
  float largest = 0, difference = 0;
  for (std::size_t i = 0; i < pixels[0].size(); ++i) {
    largest = std::max(largest, std::abs(pixels[0][i]));
    difference = std::max(difference, std::abs(pixels[0][i] - pixels[1][i]));
  }
  std::printf("%d x %d features of %d channels became %d x %d pixels;\n", height, width,
              my_channels, target_height, target_width);
  std::printf("bf16 differs from float32 by %.1e of %.2f\n", double(difference), double(largest));
  return largest > 0 && difference < 0.1f * std::max(1.0f, largest) ? 0 : 1;
} catch (const eqsr::Error& error) {
  std::printf("skipped: %s\n", error.what());
  return error.code() == "no_device" ? 77 : 1;
}
