// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/linear.hpp>  // Linear

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// Two-layer perceptron on rows.
///   y = residual + fc2( GELU( fc1(x) ) )
/// Shapes    x (m, c)   y (m, c)   hidden rows (m, Hidden)
/// Rounding  as op::Linear
/// Cost      4 m c Hidden operations; compute bound
/// Source    `mlp` of the checkpoints
struct Mlp : Composite {
  static void compose(AnyContext auto& ctx, const auto& x, const auto& layer, const auto& y,
                      const auto& epilogue) {
    layer.compose(ctx, x, y, epilogue);
  }
};
}  // namespace op

/// Linear, GELU, Linear. A backend may fuse it (op::Mlp); the composition is the specification.
template <int C, int Hidden, class B>
struct Mlp {
  using backend = B;
  using input = On<B, Rows<const float, C>>;
  using output = On<B, Rows<float, C>>;

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
    auto hidden = scope.template rows<Hidden>(extent<'m'>(x));  // (m, c)
    fc1.forward(ctx, x, hidden, {.activation = Activation::gelu});
    fc2.forward(ctx, hidden, y, epilogue);
  }
};

}}  // namespace eqsr::EQSR_ABI
