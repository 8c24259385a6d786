// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/conv2d.hpp>              // Conv2d
#include <eqsr/layer/layer_norm.hpp>          // LayerNorm
#include <eqsr/layer/modulated_conv2d.hpp>    // ModulatedConv2d
#include <eqsr/layer/squeeze_excitation.hpp>  // SqueezeExcitation

namespace eqsr { inline namespace EQSR_ABI {

/// The adaptive feature extractor: a convolution block that knows the scale.
///   a = expand(x)                                                  1x1
///   b = a + modulated( GELU( norm1(a) ), style )                   3x3
///   y = b + contract( squeeze_excitation( GELU( norm2(b) ) ) )     1x1
/// There is no skip from x to y.
/// Shapes    x (h, w, c)   style (c = Style)   y (h, w, c); y must not be x
/// Source    `residual_group.mbconv` of the checkpoints; paper section 3.2
template <int C, int Style, int Hidden, class B>
struct AdaptiveFeatureExtractor {
  using backend = B;
  using input = On<B, Plane<const float, C>>;
  using output = On<B, Plane<float, C>>;

  Conv2d<C, C, 1, B> expand;
  LayerNorm<C, B> norm1;
  ModulatedConv2d<C, C, Style, B> modulated;
  LayerNorm<C, B> norm2;
  SqueezeExcitation<C, Hidden, B> squeeze_excitation;
  Conv2d<C, C, 1, B> contract;

  static void visit(auto& self, auto&& v) {
    v("net1", self.expand);
    v("norm1.0", self.norm1);
    v("net2", self.modulated);
    v("norm2.0", self.norm2);
    v("net3.0", self.squeeze_excitation);
    v("net3.1", self.contract);
  }

  void forward(AnyContext auto& ctx, input x, On<B, Channels<const float, Style>> style,
               output y) const {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    Scope scope(ctx);
    const auto a = scope.template plane<C>(h, w), n = scope.template plane<C>(h, w);
    expand.forward(ctx, x, a);
    norm1.forward(ctx, rows(a.read()), rows(n), Activation::gelu);
    modulated.forward(ctx, n, style, y, {.residual = rows(a.read())});
    norm2.forward(ctx, rows(y.read()), rows(n), Activation::gelu);
    squeeze_excitation.forward(ctx, n, n);
    contract.forward(ctx, n, y, {.residual = rows(y.read())});
  }
};

}}  // namespace eqsr::EQSR_ABI
