// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"

using namespace eqsr_test;
using eqsr::Activation;

namespace {
template <int In, int Out>
void compare(std::initializer_list<Index> sizes, Activation activation = Activation::none,
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
  compare<24, 72>({1, 7, 129}, Activation::none, true);
  compare<180, 540>({3, 130});
  compare<180, 360>({33}, Activation::gelu);
  compare<360, 180>({33}, Activation::none, true);
  compare<48, 96>({64}, Activation::gelu);
  compare<3, 24>({5});
  compare<81, 180>({1});
  compare<10, 7>({31}, Activation::relu, true);
  compare<255, 130>({16}, Activation::silu);
  compare<64, 64>({0, 128}, Activation::sigmoid);
}
