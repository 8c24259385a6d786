// SPDX-License-Identifier: Apache-2.0
#include <eqsr/layer/kriging_upsampler.hpp>

#include "common.hpp"

namespace {
using namespace eqsr_bench;

template <Config config, class B>
using Upsampler = eqsr::KrigingUpsampler<config.channels, B, config.latent, config.frequencies>;

/// Features of a picture half as large in each axis to RGB.
template <class B, class L>
void upsample(benchmark::State& state, const L& layer) {
  const Map<L::input::sizes[2]> x(height(state) / 2, width(state) / 2, "x");
  Map<3> y(height(state), width(state));
  run<B>(state, layer, x.in(), y.out());
}

template <Config config, class B>
void kriging_upsampler(benchmark::State& state) {
  upsample<B>(state, filled<Upsampler<config, B>>());
}

/// With nothing kept between the passes over the target.
template <class L>
struct Storing {
  using input = typename L::input;
  const L& layer;
  eqsr::Storage storage;
  void forward(auto& ctx, input x, eqsr::Plane<float, 3> y) const {
    ctx.storage = storage;
    layer.forward(ctx, x, y);
  }
};
template <Config config, class B>
void kriging_upsampler_storing_none(benchmark::State& state) {
  const auto layer = filled<Upsampler<config, B>>();
  upsample<B>(state, Storing<Upsampler<config, B>>{layer, eqsr::Storage::none});
}

/// By the composition of whole planes.
template <class L>
struct Composed {
  using input = typename L::input;
  const L& layer;
  void forward(auto& ctx, input x, eqsr::Plane<float, 3> y) const { layer.compose(ctx, x, y); }
};
template <Config config, class B>
void kriging_upsampler_composed(benchmark::State& state) {
  const auto layer = filled<Upsampler<config, B>>();
  upsample<B>(state, Composed<Upsampler<config, B>>{layer});
}

BENCHMARK(kriging_upsampler<base, Cpu>)->Apply(target);
BENCHMARK(kriging_upsampler<lite, Cpu>)->Apply(target);
BENCHMARK(kriging_upsampler<lite, Reference>)->Apply(small);
BENCHMARK(kriging_upsampler_storing_none<base, Cpu>)->Apply(target);
BENCHMARK(kriging_upsampler_storing_none<lite, Cpu>)->Apply(target);
BENCHMARK(kriging_upsampler_composed<base, Cpu>)->Apply(target);
BENCHMARK(kriging_upsampler_composed<lite, Cpu>)->Apply(target);
}  // namespace
