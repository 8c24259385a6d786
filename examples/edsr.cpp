// SPDX-License-Identifier: Apache-2.0
// EDSR-baseline, the network of another paper, for any scale: its trunk from layers of eqsr, an
// adaptive feature extractor that tells it the scale, the Kriging upsampler behind it. With a
// published state dict the trunk is EDSR's; the extractor and the upsampler are not trained.
//
//     edsr PHOTO RESULT [EDSR_WEIGHTS]
#include "edsr.hpp"

#include <eqsr/io/image.hpp>
#include <eqsr/io/weights/pth.hpp>

#include <cstdio>

#include "random_weights.hpp"

int main(int argc, char** argv) try {
  edsr::Network<eqsr::Cpu> net;
  fill_with_random_weights(net, 0.02f);
  fill_with_random_weights(net.upsampler.to_rgb, 1e-4f);  // an untrained head adds little
  if (argc > 3) edsr::load_trunk(net.backbone.edsr, eqsr::StateDict::open(argv[3]));

  eqsr::Context<eqsr::Cpu> ctx;
  const eqsr::Image photo = eqsr::read_image(argc > 1 ? argv[1] : "examples/photo.png");
  const eqsr::Image large = eqsr::upscale(ctx, net, photo, {.scale = 1.6});
  std::printf("%d x %d became %d x %d by %td parameters\n", photo.width, photo.height, large.width,
              large.height, eqsr::parameter_count(net));
  if (argc > 2) eqsr::write_image(argv[2], large);
} catch (const eqsr::Error& error) {
  std::printf("%s\n", error.what());
  return 1;
}
