// SPDX-License-Identifier: Apache-2.0
// Every kernel of the published networks, for tests/cuda/nvcc/run.py.
#include <eqsr/eqsr.cuh>

template <eqsr::Config config>
void use() {
  eqsr::Context<eqsr::Cuda> ctx;
  const eqsr::Net<config, eqsr::Cuda> net;
  eqsr::upscale(ctx, net, eqsr::blank_image(8, 8), {.scale = 2});
}

int main() {
  use<eqsr::base>();
  use<eqsr::lite>();
}
