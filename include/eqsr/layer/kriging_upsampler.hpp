// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/bands.hpp>               // Bands
#include <eqsr/layer/frequency_encoding.hpp>  // FrequencyEncoding
#include <eqsr/layer/involution_block.hpp>    // InvolutionBlock
#include <eqsr/layer/query_grid.hpp>          // QueryGrid

namespace eqsr { inline namespace EQSR_ABI {
namespace op {
/// The head of the Kriging upsampler: features of the nearest source pixel and the encoded offset
/// from it, for every target pixel.
///   u(H, W, ·) = ReLU( head [ x(iy(H), ix(W), ·), PE([rel_x(W), rel_y(H)]) ] )
/// The product splits into one per source pixel, one per column and one per row.
/// Shapes    x (h, w, c)   encodings (H, e), (W, e) with e = 1 + 2F   u (H, W, o)
/// Rounding  float32
/// Cost      2 o (c h w + e (H + W)) + 3 o H W operations; memory bound
/// Source    `upsample.head.0`; paper section 3.4
struct KrigingHead {
  /// `source` and `encoded` numbers go in, `pixels` times `latent` come out.
  static Cost of(double source, double encoded, double pixels, double latent) {
    return {.flops = latent * (2 * (source + encoded) + 3 * pixels),
            .bytes = 4 * (source + encoded + 2 * pixels * latent)};
  }
  template <int C, int E, int L>
  static Cost cost(Plane<const float, C> x, ConstQueryAxis, ConstQueryAxis,
                   Rows<const float, E> rows, Rows<const float, E> columns, const auto&,
                   Plane<float, L> u) {
    return of(double(x.size()), double(rows.size() + columns.size()), double(u.size()) / L, L);
  }
};

/// The whole Kriging upsampler, for backends that run it in bands of rows instead of holding whole
/// planes. KrigingUpsampler::compose is its specification.
struct KrigingUpsampler : Composite {
  static void compose(AnyContext auto& ctx, const auto& x, const auto& layer, const Bands& bands,
                      Encoding encoding) {
    layer.compose_bands(ctx, x, bands, encoding);
  }
  /// Hands on an image as the upsampler does; nobody looks at its rows in a dry run.
  static void call_back(const auto&, const auto&, const Bands& bands, Encoding) {
    bands.finish(0, Plane<float, 3>(bands.whole, bands.height, bands.width));
  }
  template <class L>
  static Cost cost(const auto& x, const L&, const Bands& bands, Encoding) {
    const double axes = double(bands.height + bands.width);
    const double pixels = double(bands.height) * double(bands.width), latent = L::latent;
    return QueryGrid::of(axes) + DistanceFactor::of(9 * pixels) +
           FrequencyEncoding::of(axes, axes * L::encoded) +
           KrigingHead::of(double(x.size()), axes * L::encoded, pixels, latent) +
           2 * L::Block::cost(pixels) + 3 * Activate::of(pixels * latent) +
           Linear::of(pixels, latent, 3);
  }
};
}  // namespace op

template <>
struct Kernel<op::KrigingHead, Reference> {
  template <int C, int E, int L>
  static void run(auto&, Plane<const float, C> x, ConstQueryAxis rows, ConstQueryAxis columns,
                  Rows<const float, E> encoded_rows, Rows<const float, E> encoded_columns,
                  const auto& head, Plane<float, L> u) {
    const auto weight = head.matrix();  // (o, c)
    for (Index h = 0; h < extent<'h'>(u); ++h)
      for (Index w = 0; w < extent<'w'>(u); ++w)
        for (int o = 0; o < L; ++o) {
          double sum = head.bias(o);
          for (int c = 0; c < C; ++c)
            sum += double(weight(o, c)) * x(rows.index(h), columns.index(w), c);
          for (int e = 0; e < E; ++e)
            sum += double(weight(o, C + 2 * e)) * encoded_columns(w, e) +
                   double(weight(o, C + 2 * e + 1)) * encoded_rows(h, e);
          u(h, w, o) = static_cast<float>(activate(Activation::relu, sum));
        }
  }
};

/// The Neural Kriging upsampler: features on any grid to RGB on any other, the scale being the
/// ratio of the two planes, each axis by itself.
///   u = head(x),  r = ReLU(inv1(u, g)),  r = ReLU(inv2(r, g)),  y = to_rgb( ReLU(r + u) )
/// Works behind any backbone with `C` channels.
/// Shapes    x (h, w, c)   y (H, W, c = 3), not clamped, without the image's mean
/// Rounding  coordinates and encoding arguments exactly as QueryGrid and FrequencyEncoding
/// Source    `upsample` of the checkpoints; paper section 3.4
template <int C, class B, int Latent = 256, int Frequencies = 40>
struct KrigingUpsampler {
  using backend = B;
  using input = On<B, Plane<const float, C>>;
  using output = On<B, Plane<float, 3>>;
  using Block = InvolutionBlock<Latent, B>;
  static constexpr bool computes_parts = eqsr::computes_parts<op::KrigingUpsampler, B>;
  static constexpr int channels = C, latent = Latent, encoded = encoding_size(Frequencies);

  Conv2d<C + 2 * encoded, Latent, 1, B> head;
  Block block1, block2;
  Tensor<B, float> lengthscale;
  Conv2d<Latent, 3, 1, B> to_rgb;

  /// The lengthscale starts at 1, since the distance factor divides by it; all else at 0.
  KrigingUpsampler() {
    const float one = 1;
    lengthscale.copy_from_host(&one);
  }
  static void visit(auto& self, auto&& v) {
    v("head.0", self.head);
    v("inv1", self.block1);
    v("inv2", self.block2);
    v("rbf1.lengthscale", self.lengthscale);
    v("to_rgb.1", self.to_rgb);
  }

  void forward(AnyContext auto& ctx, input x, output y,
               Encoding encoding = Encoding::division) const {
    forward_bands(ctx, x, whole_image(ctx, y), encoding);
  }

  /// The same, band by band.
  void forward_bands(AnyContext auto& ctx, input x, const Bands& bands,
                     Encoding encoding = Encoding::division) const {
    launch<op::KrigingUpsampler>(ctx, x, *this, bands, encoding);
  }

  /// The same with the whole image as one band.
  void compose_bands(AnyContext auto& ctx, input x, const Bands& bands, Encoding encoding) const {
    Scope scope(ctx);
    const output y(bands.whole ? bands.whole : scope.floats(bands.height * bands.width * 3),
                   bands.height, bands.width);
    compose(ctx, x, y, encoding);
    bands.finish(0, y);
  }

  /// The same from whole planes.
  void compose(AnyContext auto& ctx, input x, output y,
               Encoding encoding = Encoding::division) const {
    const Index H = extent<'h'>(y), W = extent<'w'>(y);
    Scope scope(ctx);
    const auto u = scope.template plane<Latent>(H, W);
    const auto g = scope.template plane<9>(H, W);
    query(ctx, x, u, g, encoding);
    ctx.checkpoint(0.1, "upsampling");

    const auto r = scope.template plane<Latent>(H, W);
    block1.forward(ctx, u, g, r);
    relu(ctx, r, {}, r);
    ctx.checkpoint(0.55, "upsampling");
    block2.forward(ctx, r, g, r);
    relu(ctx, r, {}, r);
    relu(ctx, r, rows(u), r);
    to_rgb.forward(ctx, r, y);
  }

 private:
  /// The head's output u and the distance factor g of every target pixel.
  void query(AnyContext auto& ctx, input x, Plane<float, Latent> u, Plane<float, 9> g,
             Encoding encoding) const {
    const Index H = extent<'h'>(u), W = extent<'w'>(u);
    Scope scope(ctx);
    const QueryAxis down = query_axis(scope, H), across = query_axis(scope, W);
    launch<op::QueryGrid>(ctx, extent<'h'>(x), down);
    launch<op::QueryGrid>(ctx, extent<'w'>(x), across);
    launch<op::DistanceFactor>(ctx, ConstQueryAxis(down), ConstQueryAxis(across), lengthscale, g);

    const auto rows = scope.template rows<encoded>(H), columns = scope.template rows<encoded>(W);
    launch<op::FrequencyEncoding>(ctx, Rows<const float, 1>(down.relative.data(), H), encoding,
                                  rows);
    launch<op::FrequencyEncoding>(ctx, Rows<const float, 1>(across.relative.data(), W), encoding,
                                  columns);
    launch<op::KrigingHead>(ctx, x, ConstQueryAxis(down), ConstQueryAxis(across), rows.read(),
                            columns.read(), head, u);
  }
  static void relu(AnyContext auto& ctx, Plane<const float, Latent> x,
                   Rows<const float, Latent> addend, Plane<float, Latent> y) {
    launch<op::Activate>(ctx, Activation::relu, rows(x), addend, rows(y));
  }
};

}}  // namespace eqsr::EQSR_ABI
