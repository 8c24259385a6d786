// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cuda/contexts.hpp"

namespace eqsr_test {

using Net = eqsr::Net<nano, Cuda>;

inline eqsr::Image picture(int height, int width) {
  eqsr::Image image = eqsr::blank_image(height, width);
  image.pixels = image_map("input", height, width).values;
  return image;
}
inline const eqsr::Target context_target{.height = 6, .width = 7};

/// What most of these tests begin with.
struct NetInContext {
  NetInContext() { fill(net); }
  Net net;
  eqsr::Context<Cuda> ctx;
};

inline std::vector<float> upscaled(eqsr::Context<Cuda>& ctx, const Net& net) {
  return eqsr::upscale(ctx, net, picture(4, 5), context_target).pixels;
}

}  // namespace eqsr_test
