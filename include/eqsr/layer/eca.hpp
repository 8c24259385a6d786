// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/channel.hpp>  // ChannelMean, ChannelScale

namespace eqsr { inline namespace EQSR_ABI {

/// The kernel size of efficient channel attention over C channels: t = floor((log2(C) + 1) / 2),
/// made odd by adding one (3 at 32 and 64 channels, 5 at 256).
constexpr int eca_taps(int channels) {
  int t = 0;  // the largest t with log2(C) + 1 >= 2 t
  while ((1LL << (2 * (t + 1) - 1)) <= channels) ++t;
  return t % 2 == 1 ? t : t + 1;
}

namespace op {
/// The gate of efficient channel attention: a 1-d convolution over the channel means, zeros
/// outside, and *no* sigmoid: pretrained weights expect none.
///   gate(c) = sum over k of weight(k) mean(c + k - K/2)
/// Shapes    mean (c)   weight (o = 1, i = 1, k)   gate (c)
/// Rounding  float32 result of a double sum
/// Source    `ffn.CA.conv` of the checkpoints; the means run over the target image
struct Eca {
  template <int C>
  static Cost cost(Channels<const float, C>, const auto&, Channels<float, C>) {
    return of(C);
  }
  static Cost of(int channels) {
    return {.flops = 2.0 * channels * eca_taps(channels), .bytes = 8.0 * channels};
  }
};
}  // namespace op

template <>
struct Kernel<op::Eca, Reference> {
  template <int C>
  static void run(auto&, Channels<const float, C> mean, const auto& layer,
                  Channels<float, C> gate) {
    constexpr int taps = eca_taps(C);
    for (int c = 0; c < C; ++c) {
      double sum = 0;
      for (int k = 0; k < taps; ++k) {
        const int from = c + k - taps / 2;
        if (from >= 0 && from < C) sum += double(layer.weight(0, 0, k)) * mean(from);
      }
      gate(c) = static_cast<float>(sum);
    }
  }
};

/// Efficient channel attention: y(h, w, c) = gate(c) x(h, w, c). See op::Eca.
template <int C, class B>
struct Eca {
  using backend = B;
  using input = On<B, Plane<const float, C>>;
  using output = On<B, Plane<float, C>>;

  Tensor<B, float, Axis<'o', 1>, Axis<'i', 1>, Axis<'k', eca_taps(C)>> weight;

  static void visit(auto& self, auto&& v) { v("conv.weight", self.weight); }

  /// y = residual + gate x; y may be x.
  void forward(AnyContext auto& ctx, input x, output y, Rows<const float, C> residual = {}) const {
    expect_same_shape(x, y, "Eca");
    Scope scope(ctx);
    const Channels<float, C> mean(scope.template array<float>(C));
    const Channels<float, C> gate(scope.template array<float>(C));
    launch<op::ChannelMean>(ctx, x, mean);
    launch<op::Eca>(ctx, mean.read(), *this, gate);
    launch<op::ChannelScale>(ctx, rows(x), gate.read(), rows(y), residual);
  }
};

}}  // namespace eqsr::EQSR_ABI
