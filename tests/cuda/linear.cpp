// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"

using namespace eqsr_test;
using eqsr::Activation;

namespace {
template <int In, int Out>
void compare_linear(std::initializer_list<Index> sizes, Activation activation = Activation::none,
                    bool residual = false) {
  CAPTURE(In);
  CAPTURE(Out);
  for (const Index m : sizes) {
    CAPTURE(m);
    const Map<In> x(m, 1, "fc.input");
    const Map<Out> r(m, 1, "fc.residual");
    on_cuda([&]<class B>(eqsr::Context<B>& ctx, auto& arrays) {
      eqsr::Linear<In, Out, MemoryOf<B>> layer;
      fill(layer, "fc.");
      const auto y = residual ? arrays.copy(r) : arrays.template out<Out>(m, 1);
      eqsr::Epilogue<Out> epilogue{.activation = activation};
      if (residual) epilogue.residual = eqsr::rows(y);  // in place
      layer.forward(ctx, arrays.in_rows(x), eqsr::rows(y), epilogue);
      return arrays.get(y);
    });
  }
}
}  // namespace

TEST_CASE("cuda linear: agrees with the specification at awkward sizes") {
  compare_linear<24, 72>({1, 7, 129}, Activation::none, true);
  compare_linear<180, 540>({3, 130});
  compare_linear<180, 360>({33}, Activation::gelu);
  compare_linear<360, 180>({33}, Activation::none, true);
  compare_linear<48, 96>({64}, Activation::gelu);
  compare_linear<3, 24>({5});
  compare_linear<81, 180>({1});
  compare_linear<10, 7>({31}, Activation::relu, true);
  compare_linear<255, 130>({16}, Activation::silu);
  compare_linear<64, 64>({0, 128}, Activation::sigmoid);
}
