// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>  // Tensor
#include <eqsr/core/plan.hpp>   // Cost, launch

// First of three files: what the operator means. Nothing inside eqsr is edited.
namespace my {
namespace op {
/// A gain for every channel.   y(m, c) = gamma(c) x(m, c)
/// Shapes    x (m, c)   gamma (c)   y (m, c); y may be x
struct LayerScale {
  static eqsr::Cost cost(const auto& x, const auto& /*gamma*/, const auto& /*y*/) {
    return {.flops = double(x.size()), .bytes = 8.0 * double(x.size())};
  }
};
}  // namespace op

/// The layer: its parameters, their names, and its forward pass on any backend.
template <int C, class B>
struct LayerScale {
  using input = eqsr::Rows<const float, C>;
  using output = eqsr::Rows<float, C>;

  eqsr::Tensor<B, float, eqsr::Axis<'c', C>> gamma;

  static void visit(auto& self, auto&& v) { v("gamma", self.gamma); }
  void forward(eqsr::AnyContext auto& ctx, input x, output y) const {
    eqsr::launch<op::LayerScale>(ctx, x, gamma.view(), y);
  }
};
}  // namespace my

/// The specification: loops that a reader can check. It runs at once, and tests compare with it.
template <>
struct eqsr::Kernel<my::op::LayerScale, eqsr::Reference> {
  template <int C>
  static void run(auto&, eqsr::Rows<const float, C> x, const auto& gamma, eqsr::Rows<float, C> y) {
    for (eqsr::Index m = 0; m < eqsr::extent<'m'>(x); ++m)
      for (int c = 0; c < C; ++c) y(m, c) = gamma(c) * x(m, c);
  }
};
