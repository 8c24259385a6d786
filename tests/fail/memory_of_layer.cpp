// expect: eqsr: this layer or view is in the memory of another backend than the context's.
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/cuda/context.hpp>
#include <eqsr/layer/linear.hpp>

int main() {
  eqsr::Context<eqsr::Cuda> ctx;
  eqsr::Linear<8, 8, eqsr::Cpu> layer;  // its weights are on the host
  float values[16]{};
  const eqsr::Rows<float, 8> x(values, 1), y(values + 8, 1);
  layer.forward(ctx, x, y);
}
