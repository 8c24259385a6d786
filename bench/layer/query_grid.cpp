// SPDX-License-Identifier: Apache-2.0
#include "common.hpp"

namespace {
using namespace eqsr_bench;

/// The tables of one axis of a target image.
struct Tables {
  std::vector<std::int32_t> index;
  std::vector<float> relative, delta;

  explicit Tables(Index n)
      : index(std::size_t(n)), relative(index.size()), delta(std::size_t(3 * n)) {}
  eqsr::QueryAxis axis() {
    using eqsr::Axis;
    const auto n = static_cast<Index>(index.size());
    return {eqsr::View<std::int32_t, Axis<'m'>>(index.data(), n),
            eqsr::View<float, Axis<'m'>>(relative.data(), n),
            eqsr::View<float, Axis<'m'>, Axis<'k', 3>>(delta.data(), n)};
  }
};

/// One axis, enlarged 3.7 times.
template <class B>
void query_grid(benchmark::State& state) {
  Tables tables(height(state));
  const Index source = std::max<Index>(1, height(state) * 10 / 37);
  run<B>(state, Launch<eqsr::op::QueryGrid>(), source, tables.axis());
}

template <class B>
void distance_factor(benchmark::State& state) {
  Tables down(height(state)), across(width(state));
  eqsr::Context<Reference> ctx;
  eqsr::launch<eqsr::op::QueryGrid>(ctx, std::max<Index>(1, height(state) * 10 / 37), down.axis());
  eqsr::launch<eqsr::op::QueryGrid>(ctx, std::max<Index>(1, width(state) * 10 / 37), across.axis());
  eqsr::Tensor<B, float> lengthscale;
  lengthscale() = 2.5f;
  Map<9> g(height(state), width(state));
  run<B>(state, Launch<eqsr::op::DistanceFactor>(), eqsr::ConstQueryAxis(down.axis()),
         eqsr::ConstQueryAxis(across.axis()), lengthscale, g.out());
}

BENCHMARK(query_grid<Cpu>)->Apply(target);
BENCHMARK(query_grid<Reference>)->Apply(small);
BENCHMARK(distance_factor<Cpu>)->Apply(target);
BENCHMARK(distance_factor<Reference>)->Apply(small);
}  // namespace
