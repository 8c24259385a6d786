// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/activation.hpp>  // activate
#include <eqsr/layer/channel.hpp>     // ChannelMean, ChannelScale

#include <vector>  // vector

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// The gate of a squeeze-and-excitation layer, from the channel means.
///   gate = sigmoid( excite SiLU( squeeze mean ) )
/// Shapes    mean (c)   squeeze (o, c)   excite (c, o)   gate (c)
/// Rounding  float32 results of double sums
/// Source    `net3.0.gate` of the checkpoints; the means run over the padded plane
struct SqueezeExcitation {
  template <int C>
  static Cost cost(Channels<const float, C>, const auto& layer, Channels<float, C>) {
    return {.flops = 4.0 * double(layer.squeeze.size()),
            .bytes = 8.0 * double(layer.squeeze.size())};
  }
};
}  // namespace op

template <>
struct Kernel<op::SqueezeExcitation, Reference> {
  template <int C>
  static void run(auto&, Channels<const float, C> mean, const auto& layer,
                  Channels<float, C> gate) {
    const int hidden = static_cast<int>(extent<'o'>(layer.squeeze));
    std::vector<double> inner(static_cast<std::size_t>(hidden));
    for (int o = 0; o < hidden; ++o) {
      double sum = 0;
      for (int c = 0; c < C; ++c) sum += double(layer.squeeze(o, c)) * mean(c);
      inner[static_cast<std::size_t>(o)] = activate(Activation::silu, sum);
    }
    for (int c = 0; c < C; ++c) {
      double sum = 0;
      for (int o = 0; o < hidden; ++o)
        sum += double(layer.excite(c, o)) * inner[static_cast<std::size_t>(o)];
      gate(c) = static_cast<float>(activate(Activation::sigmoid, sum));
    }
  }
};

/// Squeeze-and-excitation: y(h, w, c) = gate(c) x(h, w, c). See op::SqueezeExcitation.
template <int C, int Hidden, class B>
struct SqueezeExcitation {
  using backend = B;
  using input = On<B, Plane<const float, C>>;
  using output = On<B, Plane<float, C>>;

  Tensor<B, float, Axis<'o', Hidden>, Axis<'c', C>> squeeze;
  Tensor<B, float, Axis<'c', C>, Axis<'o', Hidden>> excite;

  static void visit(auto& self, auto&& v) {
    v("gate.1.weight", self.squeeze);
    v("gate.3.weight", self.excite);
  }
  /// The gate alone, for callers that apply it elsewhere.
  void gate(AnyContext auto& ctx, input x, Channels<float, C> gate) const {
    Scope scope(ctx);
    const Channels<float, C> mean(scope.template array<float>(C));
    launch<op::ChannelMean>(ctx, x, mean);
    launch<op::SqueezeExcitation>(ctx, mean.read(), *this, gate);
  }
  void forward(AnyContext auto& ctx, input x, output y) const {
    expect_same_shape(x, y, "SqueezeExcitation");
    Scope scope(ctx);
    const Channels<float, C> factor(scope.template array<float>(C));
    gate(ctx, x, factor);
    launch<op::ChannelScale>(ctx, rows(x), factor.read(), rows(y), Rows<const float, C>());
  }
};

}}  // namespace eqsr::EQSR_ABI
