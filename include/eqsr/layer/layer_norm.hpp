// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>        // Rows
#include <eqsr/layer/activation.hpp>  // Activation

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// Normalisation over the channels of each row.
///   y(m, c) = activation( (x(m, c) - mean(m)) / sqrt(variance(m) + 1e-5) * weight(c) + bias(c) )
/// with the biased variance. x and y may be the same memory.
/// Shapes    x (m, c)   weight (c)   bias (c)   y (m, c)
/// Rounding  float32; the statistics of a row depend on that row only
/// Cost      about 8 operations an element; memory bound
/// Source    every `norm` of the checkpoints; GELU follows in the adaptive feature extractor
struct LayerNorm {
  template <int C>
  static Cost cost(Rows<const float, C> x, const auto&, Rows<float, C>, Activation) {
    return of(double(x.size()));
  }
  static Cost of(double numbers) { return {.flops = 8 * numbers, .bytes = 8 * numbers}; }
};
}  // namespace op

inline constexpr double layer_norm_epsilon = 1e-5;

template <>
struct Kernel<op::LayerNorm, Reference> {
  template <int C>
  static void run(auto&, Rows<const float, C> x, const auto& layer, Rows<float, C> y,
                  Activation activation) {
    for (Index m = 0; m < extent<'m'>(x); ++m) {
      double mean = 0, variance = 0;
      for (int c = 0; c < C; ++c) mean += x(m, c) / double(C);
      for (int c = 0; c < C; ++c) variance += (x(m, c) - mean) * (x(m, c) - mean) / C;
      const double scale = 1 / std::sqrt(variance + layer_norm_epsilon);
      for (int c = 0; c < C; ++c)
        y(m, c) = static_cast<float>(
            activate(activation, (x(m, c) - mean) * scale * layer.weight(c) + layer.bias(c)));
    }
  }
};

/// Layer normalisation over C channels. See op::LayerNorm.
template <int C, class B>
struct LayerNorm {
  using backend = B;
  using input = On<B, Rows<const float, C>>;
  using output = On<B, Rows<float, C>>;

  Tensor<B, float, Axis<'c', C>> weight;
  Tensor<B, float, Axis<'c', C>> bias;

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
  }
  void forward(AnyContext auto& ctx, input x, output y,
               Activation activation = Activation::none) const {
    expect_same_shape(x, y, "LayerNorm");
    launch<op::LayerNorm>(ctx, x, *this, y, activation);
  }
};

}}  // namespace eqsr::EQSR_ABI
