// SPDX-License-Identifier: Apache-2.0
// The network of kriging_on_my_backbone.cpp on a GPU: a kernel of your own makes the features where
// the image lies, in device memory, and upscale() does the rest. Nothing here is trained.
#include <eqsr/eqsr.cuh>

#include <cstdio>
#include <vector>

#include "random_weights.hpp"

constexpr int my_channels = 24;

/// Stands for your code: features of every pixel of an RGB image, channels last.
__global__ void my_features(const float* rgb, int height, int width, float* features) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= height * width * my_channels) return;
  const int c = i % my_channels, x = i / my_channels % width, y = i / my_channels / width;
  const int row = min(y + c / 6, height - 1), column = min(x + c % 6, width - 1);
  features[i] = rgb[(row * width + column) * 3 + c % 3] - 0.5f;
}

/// Your code as the library sees it.
struct MyBackbone {
  static void visit(auto&, auto&&) {}

  template <eqsr::AnyContext Context>
  void forward(Context& ctx, eqsr::Plane<const float, 3> image,
               eqsr::Plane<float, my_channels> features) const {
    if constexpr (!eqsr::is_dry<typename Context::backend>) {  // where memory is planned, not used
      const int count = int(features.size());
      my_features<<<(count + 255) / 256, 256, 0, ctx.stream()>>>(
          image.data(), int(eqsr::extent<'h'>(image)), int(eqsr::extent<'w'>(image)),
          features.data());
    }
  }
};

using Upsampler = eqsr::KrigingUpsampler<my_channels, eqsr::Cuda, 64, 10>;
using MyNetwork = eqsr::Composed<MyBackbone, Upsampler>;  // added to the interpolated photo

int main() try {
  eqsr::Context<eqsr::Cuda> ctx;
  MyNetwork net;
  fill_with_random_weights(net);

  eqsr::Image photo = eqsr::blank_image(9, 12);  // in host memory, as the result is
  for (std::size_t i = 0; i < photo.pixels.size(); ++i) photo.pixels[i] = float(i % 37) / 37;
  std::vector<float> pixels[2];
  for (const auto precision : {eqsr::Precision::float32, eqsr::Precision::bf16}) {
    ctx.precision = precision;
    pixels[precision == eqsr::Precision::bf16] =
        eqsr::upscale(ctx, net, photo, {.height = 23, .width = 40}).pixels;
  }
  float largest = 0, difference = 0;
  for (std::size_t i = 0; i < pixels[0].size(); ++i) {
    largest = std::max(largest, std::abs(pixels[0][i]));
    difference = std::max(difference, std::abs(pixels[0][i] - pixels[1][i]));
  }
  std::printf("9 x 12 pixels became 23 x 40;\n");
  std::printf("bf16 differs from float32 by %.1e of %.2f\n", double(difference), double(largest));
  return largest > 0 && difference < 0.1f * std::max(1.0f, largest) ? 0 : 1;
} catch (const eqsr::Error& error) {
  std::printf("skipped: %s\n", error.what());
  return error.code() == "no_device" ? 77 : 1;
}
