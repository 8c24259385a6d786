// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/conv2d.hpp>  // Conv2d

namespace eqsr { inline namespace EQSR_ABI {

/// Channels that share one kernel of an involution, and the taps of that kernel.
inline constexpr int involution_group = 8, involution_taps = 9, involution_reduction = 4;
static_assert(
    involution_group == 8 && involution_taps == 9,
    "eqsr: involutions are the paper's, of 3 x 3 taps and groups of 8 channels: the kernels "
    "of the backends are written for them.");

/// What an involution of some channels is made of.
struct InvolutionShape {
  int channels;

  [[nodiscard]] EQSR_HD constexpr int groups() const { return channels / involution_group; }
  /// Numbers that predict one pixel's kernels.
  [[nodiscard]] EQSR_HD constexpr int kernels() const { return groups() * involution_taps; }
  /// Channels that the kernels are predicted from.
  [[nodiscard]] EQSR_HD constexpr int reduced() const { return channels / involution_reduction; }
};

namespace op {
/// Involution: each pixel brings its own 3x3 kernels, one for every 8 channels.
///   y(h, w, c) = sum over ky, kx of k(h, w, 9 (c/8) + 3 ky + kx) g(h, w, 3 ky + kx)
///                                   x(h + ky - 1, w + kx - 1, c),   zeros outside
/// Shapes    x (h, w, c)   k (h, w, c = 9 C/8)   g (h, w, c = 9)   y (h, w, c)
/// Rounding  float32; taps in row-major order
/// Cost      18 h w c operations; memory bound
/// Source    `upsample.inv1.attn`, `upsample.inv2.attn`; paper section 3.4
struct Involution {
  static Cost of(double pixels, int channels) {
    const int kernels = InvolutionShape{channels}.kernels();
    return {.flops = pixels * (18.0 * channels + kernels),
            .bytes = 4 * pixels * (2.0 * channels + kernels + 9)};
  }
  template <int C, int K>
  static Cost cost(Plane<const float, C> x, Plane<const float, K>, Plane<const float, 9>,
                   Plane<float, C>) {
    return of(double(x.size()) / C, C);
  }
};
}  // namespace op

template <>
struct Kernel<op::Involution, Reference> {
  template <int C, int K>
  static void run(auto&, Plane<const float, C> x, Plane<const float, K> k, Plane<const float, 9> g,
                  Plane<float, C> y) {
    const Index height = extent<'h'>(x), width = extent<'w'>(x);
    for (Index h = 0; h < height; ++h)
      for (Index w = 0; w < width; ++w)
        for (int c = 0; c < C; ++c) {
          double sum = 0;
          for (int tap = 0; tap < 9; ++tap) {
            const Index row = h + tap / 3 - 1, column = w + tap % 3 - 1;
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            sum +=
                double(k(h, w, c / involution_group * 9 + tap)) * g(h, w, tap) * x(row, column, c);
          }
          y(h, w, c) = static_cast<float>(sum);
        }
  }
};

/// Involution with the two convolutions that predict its kernels from its input:
///   k = expand( ReLU( reduce(x) ) ),  reduce 3x3 C -> C/4,  expand 1x1 C/4 -> 9 C/8
template <int C, class B>
struct Involution {
  static_assert(C % involution_group == 0,
                "eqsr: Involution: channels must be a multiple of 8. Change Config::latent.");
  static constexpr int Reduced = InvolutionShape{C}.reduced();
  static constexpr int Kernels = InvolutionShape{C}.kernels();
  using backend = B;
  using input = On<B, Plane<const float, C>>;
  using output = On<B, Plane<float, C>>;

  Conv2d<C, Reduced, 3, B> reduce;
  Conv2d<Reduced, Kernels, 1, B> expand;

  static void visit(auto& self, auto&& v) {
    v("seblock.0", self.reduce);
    v("seblock.2", self.expand);
  }
  /// `g` is the distance factor of each pixel's nine neighbours.
  void forward(AnyContext auto& ctx, input x, On<B, Plane<const float, 9>> g, output y) const {
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    expect_same_shape(x, y, "Involution");
    expect_same_pixels(x, g, "Involution", "input", "distance factor");
    Scope scope(ctx);
    const auto reduced = scope.template plane<Reduced>(h, w);
    const auto kernels = scope.template plane<Kernels>(h, w);
    reduce.forward(ctx, x, reduced, {.activation = Activation::relu});
    expand.forward(ctx, reduced, kernels);
    launch<op::Involution>(ctx, x, kernels.read(), g, y);
  }
};

}}  // namespace eqsr::EQSR_ABI
