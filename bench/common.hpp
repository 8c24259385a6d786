// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <benchmark/benchmark.h>
#include <eqsr/cpu/kernels.hpp>  // Context<Cpu>
#include <eqsr/net/config.hpp>   // base, lite

#include "support/module.hpp"

#include <cstdlib>  // getenv, atoi
#include <memory>   // unique_ptr

/// A bench of an operator is its forward pass on synthetic parameters and inputs, which are the
/// same bits in every run. The operations and bytes come from the operator's own plan. Counters:
///   FLOP/s, B/s   of the plan's cost, which counts each operand once
///   workspace     planned bytes of temporaries
///   threads       of the CPU backend: EQSR_BENCH_THREADS, or every core
namespace eqsr_bench {

using eqsr::base;
using eqsr::Config;
using eqsr::Cpu;
using eqsr::Index;
using eqsr::lite;
using eqsr::Reference;
using eqsr_test::Map;

/// The context of a bench.
template <class B>
std::unique_ptr<eqsr::Context<B>> context() {
  if constexpr (std::is_same_v<B, Cpu>) {
    const char* threads = std::getenv("EQSR_BENCH_THREADS");
    return std::make_unique<eqsr::Context<B>>(threads ? std::atoi(threads) : 0);
  } else {
    return std::make_unique<eqsr::Context<B>>();
  }
}

/// A layer with synthetic parameters.
template <class L>
L filled() {
  L layer;
  eqsr_test::fill(layer);
  return layer;
}

/// An operator without a layer, as something that has a forward.
template <class Op>
struct Launch {
  void forward(eqsr::AnyContext auto& ctx, const auto&... arguments) const {
    eqsr::launch<Op>(ctx, arguments...);
  }
};

/// Times `layer.forward(ctx, arguments...)`. The first pass, which prepares the weights, and the
/// allocation of the temporaries are not timed.
template <class B, class Layer, class... Arguments>
void run(benchmark::State& state, const Layer& layer, const Arguments&... arguments) {
  const auto ctx = context<B>();
  const eqsr::Plan plan = eqsr::plan(*ctx, layer, arguments...);
  ctx->reserve(plan.workspace);
  layer.forward(*ctx, arguments...);
  for ([[maybe_unused]] auto iteration : state) {
    layer.forward(*ctx, arguments...);
    benchmark::ClobberMemory();
  }
  using benchmark::Counter;
  if (plan.cost.flops > 0)
    state.counters["FLOP/s"] = Counter(plan.cost.flops, Counter::kIsIterationInvariantRate);
  state.counters["B/s"] = Counter(plan.cost.bytes, Counter::kIsIterationInvariantRate);
  state.counters["workspace"] =
      Counter(double(plan.workspace), Counter::kDefaults, Counter::kIs1024);
  if constexpr (requires { ctx->threads(); }) state.counters["threads"] = ctx->threads();
}

/// The height and the width that a bench was registered with.
inline Index height(const benchmark::State& state) { return state.range(0); }
inline Index width(const benchmark::State& state) { return state.range(1); }

/// Registers a bench for a plane of tokens: BENCHMARK(f)->Apply(tokens).
inline void tokens(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"h", "w"})->Args({64, 64})->UseRealTime()->Unit(benchmark::kMicrosecond);
}
/// The same for a target image.
inline void target(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"h", "w"})->Args({128, 128})->UseRealTime()->Unit(benchmark::kMicrosecond);
}
/// The same for a plane that the specification can manage.
inline void small(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"h", "w"})->Args({16, 16})->UseRealTime()->Unit(benchmark::kMicrosecond);
}

}  // namespace eqsr_bench
