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
  PackedWeights<Precision::float32> features, rows, columns;
};

inline const SplitHead& split_head(const auto& head, int C, int E, int L) {
  return head.prepared.template get<SplitHead>(head.weight.stamp(), [&] {
    constexpr auto exact = Precision::float32;
    const std::vector<float> weight = host_values(head.weight);
    const Index row = C + 2 * E;
    return SplitHead{pack<exact>(L, C, 1, weight.data(), {.row = row}),
                     pack<exact>(L, E, 1, weight.data(), {.row = row, .first = C + 1, .step = 2}),
                     pack<exact>(L, E, 1, weight.data(), {.row = row, .first = C, .step = 2})};
  });
}

inline std::size_t head_tables_workspace(Index source, Index H, Index W, int L) {
  std::size_t sum = 0;
  for (const Index rows : {source, H, W})
    sum += Arena<Cuda>::rounded(static_cast<std::size_t>(rows * L) * sizeof(float));
  return sum;
}

/// The three parts of the head's product: a pixel's sum is features + column + row.
template <int C, int E>
HeadTables head_tables(Context<Cuda>& ctx, Scope<Context<Cuda>>& scope, const auto& head, int L,
                       Plane<const float, C> x, ConstQueryAxis rows, ConstQueryAxis columns,
                       Rows<const float, E> encoded_rows, Rows<const float, E> encoded_columns) {
  const Index H = rows.index.size(), W = columns.index.size(), source = x.size() / C;
  float* features = scope.template array<float>(source * L);
  float* down = scope.template array<float>(H * L);
  float* across = scope.template array<float>(W * L);
  const SplitHead& split = split_head(head, C, E, L);
  product(ctx, x.data(), source, source, split.features, {.y = features, .bias = head.bias.data()});
  product(ctx, encoded_rows.data(), H, H, split.rows, {.y = down});
  product(ctx, encoded_columns.data(), W, W, split.columns, {.y = across});
  return {features, down, across, rows.index.data(), columns.index.data(), x.template extent<'w'>(),
          W,        L};
}

}  // namespace gpu

template <>
struct Kernel<op::KrigingHead, Cuda> {
  template <int C, int E, int L>
  static std::size_t workspace(int, Plane<const float, C> x, ConstQueryAxis rows,
                               ConstQueryAxis columns, Rows<const float, E>, Rows<const float, E>,
                               const auto&, Plane<float, L>) {
    return gpu::head_tables_workspace(x.size() / C, rows.index.size(), columns.index.size(), L);
  }
  template <int C, int E, int L>
  static void run(Context<Cuda>& ctx, Plane<const float, C> x, ConstQueryAxis rows,
                  ConstQueryAxis columns, Rows<const float, E> encoded_rows,
                  Rows<const float, E> encoded_columns, const auto& head, Plane<float, L> u) {
    Scope<Context<Cuda>> scope(ctx);
    const gpu::HeadTables tables =
        gpu::head_tables(ctx, scope, head, L, x, rows, columns, encoded_rows, encoded_columns);
    gpu::head_rows(ctx, {L, rows.index.size(), columns.index.size(), tables, nullptr, nullptr}, 0,
                   rows.index.size(), u.data());
  }
};

/// Three passes over bands of the target image; see kriging_passes.cuh.
template <>
struct Kernel<op::KrigingUpsampler, Cuda> {
  /// Wider upsamplers than the fused kernels can hold are composed of their parts.
  template <class L>
  static constexpr bool composed =
      L::latent > gpu::KrigingBlockBody<Precision::bf16>::most_channels;

  template <class L>
  static std::size_t workspace(const auto& ctx, typename L::input x, const L& layer,
                               const Bands& bands, Encoding encoding) {
    const Index H = bands.height, W = bands.width;
    const auto floats = [](Index count) {
      return Arena<Cuda>::rounded(static_cast<std::size_t>(count) * sizeof(float));
    };
    if constexpr (composed<L>) {
      Context<DryRun<Cuda>> dry;
      layer.compose(dry, x, typename L::output(nullptr, H, W), encoding);
      return dry.arena().peak() + (bands.whole ? 0 : floats(H * W * 3));
    }
    std::size_t bytes =
        gpu::head_tables_workspace(x.size() / L::channels, H, W, L::latent) +
        gpu::KrigingPasses<Precision::float32>::workspace(ctx.band_height, bands, L::latent);
    for (const Index N : {H, W})
      for (const Index count : {N, N, 3 * N, 3 * N, L::encoded * N}) bytes += floats(count);
    return bytes;
  }

  template <class L>
  static void run(Context<Cuda>& ctx, typename L::input x, const L& layer, const Bands& bands,
                  Encoding encoding) {
    if constexpr (composed<L>) {
      Scope<Context<Cuda>> scope(ctx);
      const Index values = bands.height * bands.width * 3;
      float* memory = bands.whole ? bands.whole : scope.template array<float>(values);
      const typename L::output y(memory, bands.height, bands.width);
      layer.compose(ctx, x, y, encoding);
      bands.finish(0, y);
    } else {
      run_passes(ctx, x, layer, bands, encoding);
    }
  }

 private:
  template <class L>
  static void run_passes(Context<Cuda>& ctx, typename L::input x, const L& layer,
                         const Bands& bands, Encoding encoding) {
    constexpr int E = L::encoded, latent = L::latent;
    const Index H = bands.height, W = bands.width;
    Scope<Context<Cuda>> scope(ctx);
    const auto encode = [&](const QueryAxis& axis, Index source, float* factors) {
      const Index N = axis.index.size();
      launch<op::QueryGrid>(ctx, source, axis);
      gpu::axis_factors(ctx, axis, layer.lengthscale.data(), factors);
      const auto encoded = scope.template rows<E>(N);
      launch<op::FrequencyEncoding>(ctx, Rows<const float, 1>(axis.relative.data(), N), encoding,
                                    encoded);
      return Rows<const float, E>(encoded);
    };
    const QueryAxis down = query_axis(scope, H), across = query_axis(scope, W);
    float* row_factor = scope.template array<float>(3 * H);
    float* column_factor = scope.template array<float>(3 * W);
    const auto encoded_rows = encode(down, x.template extent<'h'>(), row_factor);
    const auto encoded_columns = encode(across, x.template extent<'w'>(), column_factor);
    const gpu::KrigingImage image{
        latent,
        H,
        W,
        gpu::head_tables(ctx, scope, layer.head, latent, x, ConstQueryAxis(down),
                         ConstQueryAxis(across), encoded_rows, encoded_columns),
        row_factor,
        column_factor};
    gpu::with_precision(ctx.precision, [&]<Precision P>() {
      const auto block1 = gpu::block_weights<P>(layer.block1);
      const auto block2 = gpu::block_weights<P>(layer.block2);
      gpu::KrigingPasses<P>(ctx, image, block1, block2, bands)
          .run(layer.to_rgb.weight.data(), layer.to_rgb.bias.data());
    });
  }
};

}}  // namespace eqsr::EQSR_ABI
