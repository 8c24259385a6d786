// SPDX-License-Identifier: Apache-2.0
// A network of your own: your code makes the features of a photo, the Kriging upsampler makes a
// picture of any size of them, and upscale() gives it all that the library's network has: a memory
// budget, rows, alpha, several sizes, progress. Nothing here is trained: the picture is the
// interpolated photo and what the head, filled with small random numbers, adds to it.
//
//     kriging_on_my_backbone PHOTO RESULT
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <cstdio>

#include "random_weights.hpp"

namespace {

// [network]
constexpr int my_channels = 24;

/// Stands for your code: features of every pixel of an RGB image, channels last.
void my_features(const float* rgb, int height, int width, float* features) {
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < my_channels; ++c) {
        const int row = std::min(y + c / 6, height - 1), column = std::min(x + c % 6, width - 1);
        *features++ = rgb[(row * width + column) * 3 + c % 3] - 0.5f;
      }
}

/// Your code as the library sees it.
struct MyBackbone {
  static void visit(auto&, auto&&) {}  // names its parameters, if it has any

  template <eqsr::AnyContext Context>
  void forward(Context&, eqsr::Plane<const float, 3> image,
               eqsr::Plane<float, my_channels> features) const {
    if constexpr (!eqsr::is_dry<typename Context::backend>)  // where memory is planned, not used
      my_features(image.data(), int(image.extent<'h'>()), int(image.extent<'w'>()),
                  features.data());
  }
};

using Upsampler = eqsr::KrigingUpsampler<my_channels, eqsr::Cpu, 64, 10>;
using MyNetwork = eqsr::Composed<MyBackbone, Upsampler>;  // added to the interpolated photo
// [network]

}  // namespace

int main(int argc, char** argv) {
  const eqsr::Image photo = eqsr::read_image(argc > 1 ? argv[1] : "examples/photo.png");
  MyNetwork net;
  // or: eqsr::load_into(net, eqsr::StateDict::open("mine.safetensors"))
  fill_with_random_weights(net);
  fill_with_random_weights(net.upsampler.to_rgb, 1e-4f);  // an untrained head adds little

  eqsr::Context<eqsr::Cpu> ctx;
  ctx.max_memory = 64'000'000;
  const eqsr::Target target{.scale = 2.5};
  const eqsr::UpscalePlan plan =
      eqsr::plan_upscale_rows(ctx, net, photo.height, photo.width, target);
  std::printf("%d x %d becomes %d x %d in %zu of %zu bytes\n", photo.width, photo.height,
              plan.size.width, plan.size.height, plan.bytes, plan.budget);
  const eqsr::Image large = eqsr::upscale(ctx, net, photo, target);
  if (argc > 2) eqsr::write_image(argv[2], large);

  // What the library promises for its own network holds for yours: with less memory, the same bits.
  ctx.max_memory = 0;
  ctx.storage = eqsr::Storage::none;
  const bool same = eqsr::upscale(ctx, net, photo, target).pixels == large.pixels;
  std::printf("%s\n", same ? "the same bits with less memory" : "other bits with less memory");
  return same ? 0 : 1;
}
