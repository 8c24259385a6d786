// SPDX-License-Identifier: Apache-2.0
// Why products are packed here and not left to Eigen: the same layer by both, beside the count of
// elements whose bits change when a row is computed in a batch of another size.
#include <eqsr/cpu/core/eigen.hpp>

#include "common.hpp"

#include <cstring>  // memcmp

namespace {
using namespace eqsr_bench;

constexpr int inputs = base.channels, outputs = 3 * base.channels;
using Product = eqsr::Linear<inputs, outputs, Cpu>;

/// op::Linear by Eigen's product, on one thread.
struct EigenLinear {
  static eqsr::Cost cost(Product::input x, const Product& layer, Product::output y) {
    return eqsr::op::Linear::cost(x, layer, y, eqsr::Epilogue<outputs>());
  }
};
struct ByEigen {
  const Product& layer;
  void forward(eqsr::AnyContext auto& ctx, Product::input x, Product::output y) const {
    eqsr::launch<EigenLinear>(ctx, x, layer, y);
  }
};

}  // namespace

template <>
struct eqsr::Kernel<EigenLinear, Cpu> {
  static void run(auto&, Product::input x, const Product& layer, Product::output y) {
    using eqsr::cpu::map;
    map(y).noalias() = map(x) * map(layer.weight.view()).transpose();
    map(y).rowwise() += map(layer.bias.view()).matrix().transpose();
  }
};

namespace {
/// How many elements differ when the first rows are computed without the others.
template <class L>
void count_changed_bits(benchmark::State& state, const L& layer, const Map<inputs>& x,
                        const Map<outputs>& y) {
  eqsr::Context<Cpu> ctx(1);
  double changed = 0;
  for (const Index rows : {1, 5, 100}) {
    Map<outputs> part(1, rows);
    layer.forward(ctx, Product::input(x.values.data(), rows), part.out_rows());
    for (std::size_t i = 0; i < part.values.size(); ++i)
      changed += std::memcmp(&part.values[i], &y.values[i], sizeof(float)) != 0;
  }
  state.counters["changed_bits"] = changed;
}

template <class L>
void product(benchmark::State& state, const L& layer) {
  const Map<inputs> x(height(state), width(state), "x");
  Map<outputs> y(x.h, x.w);
  run<Cpu>(state, layer, x.in_rows(), y.out_rows());
  count_changed_bits(state, layer, x, y);
}

void packed_product(benchmark::State& state) { product(state, filled<Product>()); }

void eigen_product(benchmark::State& state) {
  const Product layer = filled<Product>();
  product(state, ByEigen{layer});
}

BENCHMARK(packed_product)->Apply(tokens);
BENCHMARK(eigen_product)->Apply(tokens);
}  // namespace
