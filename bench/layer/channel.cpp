// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
void channel_mean(benchmark::State& state) {
  const Map<config.latent> x(height(state), width(state), "x");
  Map<config.latent> y(1, 1);
  run<B>(state, Launch<eqsr::op::ChannelMean>(), x.in(), y.out_channels());
}

template <Config config, class B>
void channel_scale(benchmark::State& state) {
  const Map<config.latent> x(height(state), width(state), "x"), residual(x.h, x.w, "residual");
  const Map<config.latent> gate(1, 1, "gate");
  Map<config.latent> y(x.h, x.w);
  run<B>(state, Launch<eqsr::op::ChannelScale>(), x.in_rows(), gate.in_channels(), y.out_rows(),
         residual.in_rows());
}

/// The mean colour, on three channels.
template <Config config, class B>
void channel_shift(benchmark::State& state) {
  const Map<3> x(height(state), width(state), "x");
  Map<3> y(x.h, x.w);
  run<B>(state, Launch<eqsr::op::ChannelShift>(), x.in_rows(),
         std::array<float, 3>{0.4488f, 0.4371f, 0.4040f}, y.out_rows());
}

template <Config config, class B>
void channel_fill(benchmark::State& state) {
  Map<3> y(height(state), width(state));
  run<B>(state, Launch<eqsr::op::ChannelFill>(), std::array<float, 3>{0.4488f, 0.4371f, 0.4040f},
         y.out_rows());
}

BENCHMARK(channel_mean<base, Cpu>)->Apply(target);
BENCHMARK(channel_mean<lite, Cpu>)->Apply(target);
BENCHMARK(channel_mean<lite, Reference>)->Apply(small);
BENCHMARK(channel_scale<base, Cpu>)->Apply(target);
BENCHMARK(channel_scale<lite, Cpu>)->Apply(target);
BENCHMARK(channel_scale<lite, Reference>)->Apply(small);
BENCHMARK(channel_shift<base, Cpu>)->Apply(target);
BENCHMARK(channel_shift<base, Reference>)->Apply(small);
BENCHMARK(channel_fill<base, Cpu>)->Apply(target);
BENCHMARK(channel_fill<base, Reference>)->Apply(small);
}  // namespace
