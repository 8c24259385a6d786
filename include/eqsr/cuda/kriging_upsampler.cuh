// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/frequency_encoding.cuh>  // op::FrequencyEncoding
#include <eqsr/cuda/kriging_passes.cuh>      // KrigingPasses
#include <eqsr/cuda/query_grid.cuh>          // axis_factors
#include <eqsr/layer/kriging_upsampler.hpp>  // op::KrigingUpsampler

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

/// The head's weights, split by what they multiply. Float32 in every mode: the head works at the
/// source's resolution, so it costs little, and its error would be that of every target pixel.
struct SplitHead {
  PackedWeights features, rows, columns;
};

inline const SplitHead* split_head(AnyContext auto& ctx, const auto& head, int C, int E, int L) {
  using Exact = PackedIn<Precision::float32>;
  return ctx.template prepare<SplitHead>(
      head.prepared, head.weight.stamp(), Exact::bytes(C, L, 1) + 2 * Exact::bytes(E, L, 1), [&] {
        constexpr auto exact = Precision::float32;
        const std::vector<float> weight = host_values(head.weight);
        const Index row = C + 2 * E;
        return SplitHead{
            pack<exact>(L, C, 1, weight.data(), {.row = row}),
            pack<exact>(L, E, 1, weight.data(), {.row = row, .first = C + 1, .step = 2}),
            pack<exact>(L, E, 1, weight.data(), {.row = row, .first = C, .step = 2})};
      });
}

/// Memory for the three parts of the head's product: a pixel's sum is features + column + row.
struct HeadScratch {
  const SplitHead* weights;
  float *features, *rows, *columns;
};
template <class C>
HeadScratch head_scratch(Scope<C>& memory, const auto& head, Index source, Index H, Index W,
                         int channels, int encoded, int L) {
  return {split_head(memory.context(), head, channels, encoded, L), memory.floats(source * L),
          memory.floats(H * L), memory.floats(W * L)};
}

/// Computes the parts.
template <int C, int E>
HeadTables head_tables(Context<Cuda>& ctx, const HeadScratch& scratch, const float* bias, int L,
                       Plane<const float, C> x, ConstQueryAxis rows, ConstQueryAxis columns,
                       Rows<const float, E> encoded_rows, Rows<const float, E> encoded_columns) {
  const Index H = rows.index.size(), W = columns.index.size(), source = x.size() / C;
  const SplitHead& split = *scratch.weights;
  product(ctx, x.data(), source, source, split.features, {.y = scratch.features, .bias = bias});
  product(ctx, encoded_rows.data(), H, H, split.rows, {.y = scratch.rows});
  product(ctx, encoded_columns.data(), W, W, split.columns, {.y = scratch.columns});
  return {scratch.features,
          scratch.rows,
          scratch.columns,
          rows.index.data(),
          columns.index.data(),
          extent<'w'>(x),
          W,
          L};
}

}  // namespace gpu

template <>
struct Kernel<op::KrigingHead, Cuda> {
  using Scratch = gpu::HeadScratch;
  template <int C, int E, int L>
  static Scratch scratch(auto& memory, Plane<const float, C> x, ConstQueryAxis rows,
                         ConstQueryAxis columns, Rows<const float, E>, Rows<const float, E>,
                         const auto& head, Plane<float, L>) {
    return gpu::head_scratch(memory, head, x.size() / C, rows.index.size(), columns.index.size(), C,
                             E, L);
  }
  template <int C, int E, int L>
  static void run(Context<Cuda>& ctx, const Scratch& scratch, Plane<const float, C> x,
                  ConstQueryAxis rows, ConstQueryAxis columns, Rows<const float, E> encoded_rows,
                  Rows<const float, E> encoded_columns, const auto& head, Plane<float, L> u) {
    const gpu::HeadTables tables = gpu::head_tables(ctx, scratch, head.bias.data(), L, x, rows,
                                                    columns, encoded_rows, encoded_columns);
    const Index H = rows.index.size();
    gpu::head_rows(ctx, {.L = L, .H = H, .W = columns.index.size(), .tables = tables}, 0, H,
                   u.data());
  }
};

/// Three passes over bands of the target image; see kriging_passes.cuh.
template <>
struct Kernel<op::KrigingUpsampler, Cuda> {
  /// One axis of the target: its tables, the factors of the distance, the encoded offsets.
  struct Axis {
    QueryAxis table;
    float *factor, *encoded;  ///< (N, 3), (N, encoded)
  };
  struct Scratch {
    Axis down, across;
    gpu::HeadScratch head;
    gpu::BlockWeights block[2];
    gpu::KrigingPasses::Scratch passes;
  };

  template <class L>
  static Scratch scratch(auto& memory, typename L::input x, const L& layer, const Bands& bands,
                         Encoding) {
    const Index H = bands.height, W = bands.width;
    const auto axis = [&](Index N) {
      return Axis{query_axis(memory, N), memory.floats(3 * N), memory.floats(L::encoded * N)};
    };
    auto& ctx = memory.context();
    return gpu::with_precision(ctx.precision, [&]<Precision P>() {
      return Scratch{
          axis(H),
          axis(W),
          gpu::head_scratch(memory, layer.head, x.size() / L::channels, H, W, L::channels,
                            L::encoded, L::latent),
          {gpu::block_weights<P>(ctx, layer.block1), gpu::block_weights<P>(ctx, layer.block2)},
          gpu::KrigingPasses::scratch(memory, bands, L::latent)};
    });
  }

  template <class L>
  static void run(Context<Cuda>& ctx, const Scratch& scratch, typename L::input x, const L& layer,
                  const Bands& bands, Encoding encoding) {
    const auto encode = [&](const Axis& axis, Index source) {
      const Index N = axis.table.index.size();
      const Rows<float, L::encoded> encoded(axis.encoded, N);
      launch<op::QueryGrid>(ctx, source, axis.table);
      gpu::axis_factors(ctx, axis.table, layer.lengthscale.data(), axis.factor);
      launch<op::FrequencyEncoding>(ctx, Rows<const float, 1>(axis.table.relative.data(), N),
                                    encoding, encoded);
      return encoded.read();
    };
    const auto encoded_rows = encode(scratch.down, extent<'h'>(x));
    const auto encoded_columns = encode(scratch.across, extent<'w'>(x));
    const gpu::KrigingImage image{
        L::latent,
        bands.height,
        bands.width,
        gpu::head_tables(ctx, scratch.head, layer.head.bias.data(), L::latent, x,
                         ConstQueryAxis(scratch.down.table), ConstQueryAxis(scratch.across.table),
                         encoded_rows, encoded_columns),
        scratch.down.factor,
        scratch.across.factor};
    gpu::KrigingPasses(ctx, scratch.passes, image, scratch.block, bands)
        .run(layer.to_rgb.weight.data(), layer.to_rgb.bias.data());
  }
};

}}  // namespace eqsr::EQSR_ABI
