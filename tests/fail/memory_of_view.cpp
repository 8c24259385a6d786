// expect: eqsr: this layer or view is in the memory of another backend than the context's.
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/cuda/context.hpp>
#include <eqsr/layer/linear.hpp>

int main() {
  eqsr::Context<eqsr::Reference> ctx;
  eqsr::Linear<8, 8, eqsr::Cpu> layer;
  const eqsr::Tensor<eqsr::Cuda, float, eqsr::Axis<'m'>, eqsr::Axis<'c', 8>> x(1);
  eqsr::Tensor<eqsr::Cpu, float, eqsr::Axis<'m'>, eqsr::Axis<'c', 8>> y(1);
  layer.forward(ctx, x.view(), y.view());  // x is on the device
}
