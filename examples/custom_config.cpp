// SPDX-License-Identifier: Apache-2.0
// A network of another size is another value: nothing else is written. Contradictions, such as
// channels that are no multiple of the heads, stop the compiler with a sentence.
#include <eqsr/eqsr.hpp>

#include <cstdio>
#include <filesystem>

#include "random_weights.hpp"

// [config]
inline constexpr eqsr::Config mine{.channels = 24, .depths = {3, 2}, .heads = 2, .window = 8};

// Another way: the published network with a smaller upsampler.
inline constexpr eqsr::Config light = [] {
  eqsr::Config config = eqsr::base;
  config.latent = 64;
  return config;
}();
// [config]

int main() {
  eqsr::Net<mine, eqsr::Cpu> net;
  fill_with_random_weights(net);
  std::printf("mine has %td parameters, light has %td\n", eqsr::parameter_count(net),
              eqsr::parameter_count(eqsr::Net<light, eqsr::Cpu>()));

  // Weights go to a file under the names that PyTorch checkpoints of EQSR use, and come back.
  const auto path = std::filesystem::temp_directory_path() / "eqsr-custom-config.safetensors";
  eqsr::write_safetensors(path.string(), eqsr::state_dict_of(net));
  eqsr::Context<eqsr::Cpu> ctx;
  const auto loaded = eqsr::load<mine>(ctx, path.string());
  std::filesystem::remove(path);

  eqsr::Image image = eqsr::blank_image(13, 17);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = float(i % 29) / 29;
  const eqsr::Target target{.scale_y = 2, .scale_x = 3.5};
  const auto plan = eqsr::plan_upscale(ctx, net, image.height, image.width, target);
  std::printf("%d x %d pixels need %.1f MB and %.2f Gflop\n", plan.size.width, plan.size.height,
              double(plan.bytes) / 1e6, plan.cost.flops / 1e9);
  const eqsr::Image first = eqsr::upscale(ctx, net, image, target);
  const eqsr::Image second = eqsr::upscale(ctx, loaded, image, target);
  return first.pixels == second.pixels && first.height == 26 && first.width == 60 ? 0 : 1;
}
