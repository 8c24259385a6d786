// SPDX-License-Identifier: Apache-2.0
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

int main(int, char** argv) {
  eqsr::Context<eqsr::Cpu> ctx;
  auto net = eqsr::load<eqsr::lite>(ctx, "weights/eqsr-lite.safetensors");
  auto low = eqsr::read_image(argv[1]);
  auto high = eqsr::upscale(ctx, net, low, {.scale = 3.7});
  eqsr::write_image(argv[2], high);
}
