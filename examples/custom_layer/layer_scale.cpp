// SPDX-License-Identifier: Apache-2.0
// Third of three files: a program that uses the layer. Planning, saving and both backends work for
// it as they do for the layers of eqsr.
#include <eqsr/eqsr.hpp>

#include <cstdio>

#include "layer_scale_cpu.hpp"

namespace {

constexpr int channels = 20;

template <class B>
using Table = eqsr::Tensor<B, float, eqsr::Axis<'m'>, eqsr::Axis<'c', channels>>;

template <class B>
Table<B> run() {
  my::LayerScale<channels, B> layer;
  for (int c = 0; c < channels; ++c) layer.gamma(c) = 0.1f * float(c + 1);
  Table<B> x(1000), y(1000);
  for (eqsr::Index m = 0; m < 1000; ++m)
    for (int c = 0; c < channels; ++c) x(m, c) = float(m % 7) - float(c);

  eqsr::Context<B> ctx;
  const eqsr::Plan plan = eqsr::plan(ctx, layer, std::as_const(x).view(), y.view());
  ctx.reserve(plan.workspace);
  layer.forward(ctx, x.view(), y.view());
  std::printf("%g operations, %zu parameter(s)\n", plan.cost.flops,
              eqsr::state_dict_of(layer).size());
  return y;
}

}  // namespace

int main() {
  const Table<eqsr::Cpu> fast = run<eqsr::Cpu>();
  const Table<eqsr::Reference> exact = run<eqsr::Reference>();
  for (eqsr::Index m = 0; m < 1000; ++m)
    for (int c = 0; c < channels; ++c)
      if (fast(m, c) != exact(m, c)) return 1;
}
