// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/channel.hpp>  // Channels
#include <eqsr/layer/linear.hpp>   // Linear

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// 3x3 convolution whose weights are modulated by a style and normalised (demodulated).
///   W'[o,i,:,:] = W[o,i,:,:] (m_i + 1)        W''[o] = W'[o] / sqrt(sum of W'[o]² + 1e-8)
///   y = residual + conv3x3(x, W''), zeros outside, no bias
/// Backends scale the input by (m_i + 1), convolve with W, and scale the output by the inverse
/// norm: the packed weights then serve every scale.
/// Shapes    x (h, w, c)   modulation m (c)   weight (o, c, y, x)   y (h, w, o)
/// Rounding  as op::Conv2d; the norm in double
/// Cost      18 h w c o operations
/// Source    `mbconv.net2` of the checkpoints; paper section 3.2
struct ModulatedConv2d {
  template <int In, int Out>
  static Cost cost(Plane<const float, In> x, Channels<const float, In>, const auto&,
                   Plane<float, Out> y, const Epilogue<Out>&) {
    return {.flops = 18.0 * double(x.size()) * Out,
            .bytes = 4.0 * double(x.size() + y.size() + Index{9} * In * Out)};
  }
};
}  // namespace op

inline constexpr double demodulation_epsilon = 1e-8;

template <>
struct Kernel<op::ModulatedConv2d, Reference> {
  template <int In, int Out>
  static void run(auto&, Plane<const float, In> x, Channels<const float, In> modulation,
                  const auto& layer, Plane<float, Out> y, const Epilogue<Out>& epilogue) {
    const Index height = extent<'h'>(x), width = extent<'w'>(x);
    for (int o = 0; o < Out; ++o) {
      double norm = 0;
      for (int c = 0; c < In; ++c)
        for (int ky = 0; ky < 3; ++ky)
          for (int kx = 0; kx < 3; ++kx) {
            const double w = layer.weight(o, c, ky, kx) * (modulation(c) + 1.0);
            norm += w * w;
          }
      const double scale = 1 / std::sqrt(norm + demodulation_epsilon);
      for (Index h = 0; h < height; ++h)
        for (Index w = 0; w < width; ++w) {
          double sum = 0;
          for (int ky = 0; ky < 3; ++ky)
            for (int kx = 0; kx < 3; ++kx) {
              const Index row = h + ky - 1, column = w + kx - 1;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              for (int c = 0; c < In; ++c)
                sum += layer.weight(o, c, ky, kx) * (modulation(c) + 1.0) * x(row, column, c);
            }
          y(h, w, o) = epilogue.apply(sum * scale, h * width + w, o);
        }
    }
  }
};

/// Modulated convolution with a style vector of `Style` values. See op::ModulatedConv2d.
template <int In, int Out, int Style, class B>
struct ModulatedConv2d {
  using backend = B;
  using input = On<B, Plane<const float, In>>;
  using output = On<B, Plane<float, Out>>;

  Tensor<B, float, Axis<'o', Out>, Axis<'c', In>, Axis<'y', 3>, Axis<'x', 3>> weight;
  Linear<Style, In, B> to_style;
  Prepared prepared;

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("to_style", self.to_style);
  }
  void forward(AnyContext auto& ctx, input x, On<B, Channels<const float, Style>> style, output y,
               const Epilogue<Out>& epilogue = {}) const {
    expect_same_pixels(x, y, "ModulatedConv2d");
    epilogue.expect_rows(rows(y), "ModulatedConv2d");
    Scope scope(ctx);
    const auto modulation = scope.template rows<In>(1);
    to_style.forward(ctx, Rows<const float, Style>(style.data(), 1), modulation);
    launch<op::ModulatedConv2d>(ctx, x, Channels<const float, In>(modulation.data()), *this, y,
                                epilogue);
  }
};

}}  // namespace eqsr::EQSR_ABI
