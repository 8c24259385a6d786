// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>        // Tensor
#include <eqsr/core/prepared.hpp>     // Prepared
#include <eqsr/layer/activation.hpp>  // Epilogue

namespace eqsr { inline namespace EQSR_ABI {

/// Where an element of row-major weights lies that a kernel packs: w[o * row + first + k * step].
struct WeightLayout {
  Index row = 0, first = 0, step = 1;
};
namespace op {
/// Fully connected layer, also the 1x1 convolution.
///   y(m, o) = residual(m, o) + activation(bias(o) + sum over c of weight(o, c) x(m, c))
/// Shapes    x (m, c)   weight (o, c)   bias (o)   y (m, o)
/// Rounding  float32; the sum of one element runs over c in order, whatever m is
/// Cost      2 m c o operations; compute bound
/// Source    `qkv`, `proj`, `mlp.fc1`, `mlp.fc2` and every 1x1 convolution of the checkpoints
struct Linear {
  static Cost of(double m, double in, double out) {
    return {.flops = 2 * m * in * out, .bytes = 4 * (m * (in + out) + in * out)};
  }
  template <int In, int Out>
  static Cost cost(Rows<const float, In> x, const auto&, Rows<float, Out>, const Epilogue<Out>&) {
    return of(double(extent<'m'>(x)), In, Out);
  }
};
}  // namespace op

template <>
struct Kernel<op::Linear, Reference> {
  template <int In, int Out>
  static void run(auto&, Rows<const float, In> x, const auto& layer, Rows<float, Out> y,
                  const Epilogue<Out>& epilogue) {
    const auto weight = layer.matrix();  // (o, c)
    for (Index m = 0; m < extent<'m'>(x); ++m)
      for (int o = 0; o < Out; ++o) {
        double sum = layer.bias(o);
        for (int c = 0; c < In; ++c) sum += double(weight(o, c)) * x(m, c);
        y(m, o) = epilogue.apply(sum, m, o);
      }
  }
};

/// y = x Wᵀ + b on rows of `In` channels. See op::Linear.
template <int In, int Out, class B>
struct Linear {
  using backend = B;
  using input = On<B, Rows<const float, In>>;
  using output = On<B, Rows<float, Out>>;

  Tensor<B, float, Axis<'o', Out>, Axis<'c', In>> weight;
  Tensor<B, float, Axis<'o', Out>> bias;
  Prepared prepared;

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
  }
  [[nodiscard]] View<const float, Axis<'o', Out>, Axis<'c', In>> matrix() const {
    return weight.view();
  }
  void forward(AnyContext auto& ctx, input x, output y, const Epilogue<Out>& epilogue = {}) const {
    expect_same_pixels(x, y, "Linear");
    epilogue.expect_rows(y, "Linear");
    launch<op::Linear>(ctx, x, *this, y, epilogue);
  }
};

}}  // namespace eqsr::EQSR_ABI
