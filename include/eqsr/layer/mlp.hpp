// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/layer_norm.hpp>  // op::LayerNorm
#include <eqsr/layer/linear.hpp>      // Linear

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// Two-layer perceptron on rows.
///   y = residual + fc2( GELU( fc1(x) ) )
/// Shapes    x (m, c)   y (m, c)   hidden rows (m, Hidden)
/// Rounding  as op::Linear
/// Cost      4 m c Hidden operations; compute bound
/// Source    `mlp` of the checkpoints
struct Mlp : Composite {
  static Cost of(double m, double c, double hidden) {
    return Linear::of(m, c, hidden) + Linear::of(m, hidden, c);
  }
  template <class L>
  static Cost cost(const auto& x, const L&, const auto&, const auto&) {
    return of(double(extent<'m'>(x)), L::channels, L::hidden);
  }
  static void compose(AnyContext auto& ctx, const auto& x, const auto& layer, const auto& y,
                      const auto& epilogue) {
    layer.compose(ctx, x, y, epilogue);
  }
};

/// What a block L of m tokens costs, its attention with it.
template <class L>
Cost attention_block_cost(double m, const Cost& attention) {
  const double c = L::channels;
  return 2 * LayerNorm::of(m * c) + Linear::of(m, c, 3 * c) + attention + Linear::of(m, c, c) +
         Mlp::of(m, c, L::hidden);
}
}  // namespace op

/// Linear, GELU, Linear. A backend may fuse it (op::Mlp); the composition is the specification.
template <int C, int Hidden, class B>
struct Mlp {
  using backend = B;
  using input = On<B, Rows<const float, C>>;
  using output = On<B, Rows<float, C>>;
  static constexpr int channels = C, hidden = Hidden;

  Linear<C, Hidden, B> fc1;
  Linear<Hidden, C, B> fc2;

  static void visit(auto& self, auto&& v) {
    v("fc1", self.fc1);
    v("fc2", self.fc2);
  }
  void forward(AnyContext auto& ctx, input x, output y, const Epilogue<C>& epilogue = {}) const {
    launch<op::Mlp>(ctx, x, *this, y, epilogue);
  }
  void compose(AnyContext auto& ctx, input x, output y, const Epilogue<C>& epilogue = {}) const {
    Scope scope(ctx);
    auto inner = scope.template rows<Hidden>(extent<'m'>(x));  // (m, c)
    fc1.forward(ctx, x, inner, {.activation = Activation::gelu});
    fc2.forward(ctx, inner, y, epilogue);
  }
};

}}  // namespace eqsr::EQSR_ABI
