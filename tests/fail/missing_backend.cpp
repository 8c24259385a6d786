// expect: eqsr: no kernel for this operator on this backend.
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/layer/linear.hpp>

struct Elsewhere {};  // a backend without kernels

template <>
class eqsr::Context<Elsewhere> : public eqsr::ContextBase<Elsewhere> {};

int main() {
  eqsr::Context<Elsewhere> ctx;
  eqsr::Linear<8, 8, Elsewhere> layer;
  eqsr::Tensor<Elsewhere, float, eqsr::Axis<'m'>, eqsr::Axis<'c', 8>> x(4), y(4);
  layer.forward(ctx, std::as_const(x).view(), y.view());
}
