// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"

using namespace eqsr_test;
using eqsr::Activation;

namespace {
template <int In, int Out, int Taps>
void compare_conv2d(std::initializer_list<std::pair<Index, Index>> sizes,
                    Activation activation = Activation::none, bool residual = false) {
  CAPTURE(In);
  CAPTURE(Out);
  CAPTURE(Taps);
  for (const auto& size : sizes) {
    const Index h = size.first, w = size.second;
    CAPTURE(h);
    CAPTURE(w);
    const Map<In> x(h, w, "conv.input");
    const Map<Out> r(h, w, "conv.residual");
    on_cuda([&]<class B>(eqsr::Context<B>& ctx, auto& arrays) {
      eqsr::Conv2d<In, Out, Taps, MemoryOf<B>> layer;
      fill(layer, "conv.");
      const auto y = arrays.template out<Out>(x.h, x.w);
      eqsr::Epilogue<Out> epilogue{.activation = activation};
      if (residual) epilogue.residual = arrays.in_rows(r);
      layer.forward(ctx, arrays.in(x), y, epilogue);
      return arrays.get(y);
    });
  }
}
}  // namespace

TEST_CASE("cuda conv2d: agrees with the specification at awkward sizes") {
  compare_conv2d<3, 24, 3>({{1, 1}, {1, 7}, {7, 1}, {9, 33}});
  compare_conv2d<10, 10, 3>({{3, 9}, {2, 2}});
  compare_conv2d<24, 24, 3>({{9, 15}}, Activation::none, true);
  compare_conv2d<60, 7, 3>({{8, 8}}, Activation::gelu);
  compare_conv2d<64, 16, 3>({{5, 3}}, Activation::relu, true);
  compare_conv2d<180, 180, 3>({{4, 5}});
  compare_conv2d<24, 24, 1>({{3, 5}});
  compare_conv2d<64, 288, 1>({{2, 9}}, Activation::none, true);
}
