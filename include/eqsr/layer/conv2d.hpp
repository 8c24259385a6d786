// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/linear.hpp>  // op::Linear

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// 3x3 convolution of a plane, stride 1, zeros outside.
///   y(h, w, o) = residual + activation( bias(o) +
///                sum over ky, kx, c of weight(o, c, ky, kx) x(h + ky - 1, w + kx - 1, c) )
/// Shapes    x (h, w, c)   weight (o, c, y, x)   bias (o)   y (h, w, o); x and y must not overlap
/// Rounding  float32; the sum of one element has one order, wherever the pixel lies
/// Cost      18 h w c o operations; compute bound
/// Source    `conv_first`, `conv`, `conv_after_body`, `attn.seblock.0` of the checkpoints
struct Conv2d {
  static Cost of(double pixels, double in, double out) {
    return {.flops = 18 * pixels * in * out, .bytes = 4 * (pixels * (in + out) + 9 * in * out)};
  }
  template <int In, int Out>
  static Cost cost(Plane<const float, In> x, const auto&, Plane<float, Out>, const Epilogue<Out>&) {
    return of(double(x.size()) / In, In, Out);
  }
};
}  // namespace op

template <>
struct Kernel<op::Conv2d, Reference> {
  template <int In, int Out>
  static void run(auto&, Plane<const float, In> x, const auto& layer, Plane<float, Out> y,
                  const Epilogue<Out>& epilogue) {
    const Index height = extent<'h'>(x), width = extent<'w'>(x);
    for (Index h = 0; h < height; ++h)
      for (Index w = 0; w < width; ++w)
        for (int o = 0; o < Out; ++o) {
          double sum = layer.bias(o);
          for (int ky = 0; ky < 3; ++ky)
            for (int kx = 0; kx < 3; ++kx) {
              const Index row = h + ky - 1, column = w + kx - 1;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              for (int c = 0; c < In; ++c)
                sum += double(layer.weight(o, c, ky, kx)) * x(row, column, c);
            }
          y(h, w, o) = epilogue.apply(sum, h * width + w, o);
        }
  }
};

/// 2-d convolution with a square kernel of 1 or 3 taps a side, stride 1, same size. A 1x1
/// convolution is op::Linear on the pixels; a 3x3 one is op::Conv2d.
template <int In, int Out, int Taps, class B>
struct Conv2d {
  static_assert(Taps == 1 || Taps == 3, "eqsr: Conv2d has 1x1 and 3x3 kernels. Use Taps 1 or 3.");
  using backend = B;
  using input = On<B, Plane<const float, In>>;
  using output = On<B, Plane<float, Out>>;

  Tensor<B, float, Axis<'o', Out>, Axis<'c', In>, Axis<'y', Taps>, Axis<'x', Taps>> weight;
  Tensor<B, float, Axis<'o', Out>> bias;
  Prepared prepared;

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
  }
  [[nodiscard]] View<const float, Axis<'o', Out>, Axis<'c', In>> matrix() const
      requires(Taps == 1) {
    return View<const float, Axis<'o', Out>, Axis<'c', In>>(weight.data());
  }
  void forward(AnyContext auto& ctx, input x, output y, const Epilogue<Out>& epilogue = {}) const {
    expect_same_pixels(x, y, "Conv2d");
    epilogue.expect_rows(rows(y), "Conv2d");
    if constexpr (Taps == 1)
      launch<op::Linear>(ctx, rows(x), *this, rows(y), epilogue);
    else
      launch<op::Conv2d>(ctx, x, *this, y, epilogue);
  }
};

}}  // namespace eqsr::EQSR_ABI
