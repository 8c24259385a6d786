// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/eca.hpp>         // Eca
#include <eqsr/layer/involution.hpp>  // Involution
#include <eqsr/layer/layer_norm.hpp>  // LayerNorm

namespace eqsr { inline namespace EQSR_ABI {

/// A block of the Kriging upsampler, on the target grid.
///   x = x + conv2( involution( conv1( norm1(x) ), g ) )
///   y = x + ECA( ffn.conv2( GELU( ffn.conv1( norm2(x) ) ) ) )
/// Shapes    x (h, w, c)   g (h, w, c = 9)   y (h, w, c); y may be x
/// Source    `upsample.inv1`, `upsample.inv2` of the checkpoints; paper section 3.4
template <int C, class B>
struct InvolutionBlock {
  using backend = B;
  using input = On<B, Plane<const float, C>>;
  using output = On<B, Plane<float, C>>;

  LayerNorm<C, B> norm1;
  Conv2d<C, C, 1, B> conv1;
  Involution<C, B> involution;
  Conv2d<C, C, 1, B> conv2;
  LayerNorm<C, B> norm2;
  Conv2d<C, 2 * C, 1, B> expand;
  Conv2d<2 * C, C, 1, B> contract;
  Eca<C, B> attention;

  static void visit(auto& self, auto&& v) {
    v("norm1.body", self.norm1);
    v("conv1", self.conv1);
    v("attn", self.involution);
    v("conv2", self.conv2);
    v("norm2.body", self.norm2);
    v("ffn.conv1", self.expand);
    v("ffn.conv2", self.contract);
    v("ffn.CA", self.attention);
  }

  /// What `forward` costs, for kernels that it is a part of.
  static Cost cost(double pixels) {
    constexpr int R = Involution<C, B>::Reduced, K = Involution<C, B>::Kernels;
    const double numbers = pixels * C;
    return 2 * op::LayerNorm::of(numbers) + 2 * op::Linear::of(pixels, C, C) +
           op::Conv2d::of(pixels, C, R) + op::Linear::of(pixels, R, K) +
           op::Involution::of(pixels, C) + op::Linear::of(pixels, C, 2 * C) +
           op::Linear::of(pixels, 2 * C, C) + op::ChannelMean::of(numbers) + op::Eca::of(C) +
           op::ChannelScale::of(numbers);
  }

  void forward(AnyContext auto& ctx, input x, On<B, Plane<const float, 9>> g, output y) const {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    Scope scope(ctx);
    const auto a = scope.template plane<C>(h, w), b = scope.template plane<C>(h, w);
    norm1.forward(ctx, rows(x), rows(a));
    conv1.forward(ctx, a, b);
    involution.forward(ctx, b, g, a);
    conv2.forward(ctx, a, y, {.residual = rows(x)});

    const auto hidden = scope.template plane<2 * C>(h, w);
    norm2.forward(ctx, rows(y.read()), rows(a));
    expand.forward(ctx, a, hidden, {.activation = Activation::gelu});
    contract.forward(ctx, hidden, b);
    attention.forward(ctx, b, y, rows(y.read()));
  }
};

}}  // namespace eqsr::EQSR_ABI
