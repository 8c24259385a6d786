// SPDX-License-Identifier: Apache-2.0
// What every consumer project builds: the whole library in two translation units, the second of
// which brings an stb of its own. A network without weights returns the interpolated input.
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <cmath>
#include <cstdio>

#include "second.hpp"

int main() {
  eqsr::Context<eqsr::Cpu> ctx(2);
  const eqsr::Net<small, eqsr::Cpu> net;
  eqsr::Image image = eqsr::blank_image(6, 9);
  for (float& value : image.pixels) value = 0.5f;

  const eqsr::Image high = eqsr::upscale(ctx, net, image, {.scale = 2.5});
  const std::string png = eqsr::encode_image("high.png", high);
  if (high.height != 15 || high.width != 22 || !own_stb_reads(png) || own_stb_reads("no picture"))
    return 1;
  for (const float value : high.pixels)
    if (std::abs(value - 0.5f) > 1e-5f) return 2;
  if (planned_bytes() == 0) return 3;
  if (eqsr::detail::pytorch_reader == nullptr) return 4;  // the other file includes it
  std::puts("consumer: ok");
}
