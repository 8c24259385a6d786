// expect: eqsr: this layer or view is in the memory of another backend than the context's.
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/cuda/context.hpp>
#include <eqsr/upscale.hpp>

int main() {
  eqsr::Context<eqsr::Reference> ctx;
  const eqsr::Net<eqsr::lite, eqsr::Cuda> net;  // its weights are on the device
  (void)eqsr::plan_upscale(ctx, net, 8, 8, {.scale = 2});
}
