// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

/// A sum and its ReLU, as between the blocks of the upsampler.
template <Config config, class B>
void activate_relu_of_sum(benchmark::State& state) {
  const Map<config.latent> x(height(state), width(state), "x"), u(x.h, x.w, "u");
  Map<config.latent> y(x.h, x.w);
  run<B>(state, Launch<eqsr::op::Activate>(), eqsr::Activation::relu, x.in_rows(), u.in_rows(),
         y.out_rows());
}

template <Config config, class B>
void activate_gelu(benchmark::State& state) {
  const Map<config.latent> x(height(state), width(state), "x");
  const eqsr::Rows<const float, config.latent> no_addend;
  Map<config.latent> y(x.h, x.w);
  run<B>(state, Launch<eqsr::op::Activate>(), eqsr::Activation::gelu, x.in_rows(), no_addend,
         y.out_rows());
}

BENCHMARK(activate_relu_of_sum<base, Cpu>)->Apply(target);
BENCHMARK(activate_relu_of_sum<lite, Cpu>)->Apply(target);
BENCHMARK(activate_relu_of_sum<lite, Reference>)->Apply(small);
BENCHMARK(activate_gelu<base, Cpu>)->Apply(target);
BENCHMARK(activate_gelu<lite, Cpu>)->Apply(target);
BENCHMARK(activate_gelu<lite, Reference>)->Apply(small);
}  // namespace
