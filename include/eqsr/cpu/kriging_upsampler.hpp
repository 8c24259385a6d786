// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/frequency_encoding.hpp>   // op::FrequencyEncoding
#include <eqsr/cpu/kriging_passes.hpp>       // KrigingPasses
#include <eqsr/cpu/linear.hpp>               // packed_linear
#include <eqsr/cpu/query_grid.hpp>           // op::QueryGrid
#include <eqsr/layer/kriging_upsampler.hpp>  // op::KrigingUpsampler

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// The head's weights, split by what they multiply.
struct SplitHead {
  PackedWeights features, rows, columns;
};

/// The split weights of a head (L, C + 2E): features, then the two encodings in turn, x first.
[[gnu::noinline]] inline const SplitHead& split_head(const Prepared& prepared, std::uint64_t stamp,
                                                     int C, int E, int L, const float* weight,
                                                     const float* bias) {
  return prepared.get<SplitHead>(stamp, [&] {
    const Index row = C + 2 * E;
    return SplitHead{pack(L, C, weight, bias, {.row = row}),
                     pack(L, E, weight, nullptr, {.row = row, .first = C + 1, .step = 2}),
                     pack(L, E, weight, nullptr, {.row = row, .first = C, .step = 2})};
  });
}

/// The three parts of the head's product: a pixel's sum is features + column + row.
struct HeadTables {
  const float *features, *rows, *columns;
};

inline std::size_t head_tables_workspace(Index source, Index H, Index W, int L) {
  const auto bytes = [&](Index m) {
    return Arena<Cpu>::rounded(static_cast<std::size_t>(m * L) * sizeof(float));
  };
  return bytes(source) + bytes(H) + bytes(W);
}

[[gnu::noinline]] inline HeadTables head_tables(Context<Cpu>& ctx, Scope<Context<Cpu>>& scope,
                                                const SplitHead& head, const float* x, Index source,
                                                const float* encoded_rows, Index H,
                                                const float* encoded_columns, Index W) {
  const auto table = [&](const PackedWeights& weights, const float* from, Index m) {
    float* to = scope.array<float>(m * weights.columns);
    product(ctx, {.data = from, .rows = m, .row_stride = weights.depth}, weights.matrix(),
            {.data = to, .row_stride = weights.columns, .bias = weights.bias.data()});
    return to;
  };
  return {table(head.features, x, source), table(head.rows, encoded_rows, H),
          table(head.columns, encoded_columns, W)};
}

/// The parameters of an involution block, packed.
BlockWeights block_weights(const auto& block) {
  return {block.norm1.weight.data(),
          block.norm1.bias.data(),
          block.norm2.weight.data(),
          block.norm2.bias.data(),
          &packed_linear(block.conv1),
          &packed_linear(block.involution.expand),
          &packed_linear(block.conv2),
          &packed_linear(block.expand),
          &packed_linear(block.contract),
          &packed_3x3(block.involution.reduce),
          block.contract.weight.data(),
          block.contract.bias.data(),
          block.attention.weight.data(),
          static_cast<int>(block.attention.weight.template extent<'k'>())};
}

}  // namespace cpu

template <>
struct Kernel<op::KrigingHead, Cpu> {
  template <int C, int E, int L>
  static std::size_t workspace(int, Plane<const float, C> x, ConstQueryAxis rows,
                               ConstQueryAxis columns, Rows<const float, E>, Rows<const float, E>,
                               const auto&, Plane<float, L>) {
    return cpu::head_tables_workspace(x.size() / C, rows.index.size(), columns.index.size(), L);
  }
  template <int C, int E, int L>
  static void run(Context<Cpu>& ctx, Plane<const float, C> x, ConstQueryAxis rows,
                  ConstQueryAxis columns, Rows<const float, E> encoded_rows,
                  Rows<const float, E> encoded_columns, const auto& head, Plane<float, L> u) {
    const auto& split = cpu::split_head(head.prepared, newest_stamp(head.weight, head.bias), C, E,
                                        L, head.weight.data(), head.bias.data());
    Scope<Context<Cpu>> scope(ctx);
    const cpu::HeadTables tables =
        cpu::head_tables(ctx, scope, split, x.data(), x.size() / C, encoded_rows.data(),
                         rows.index.size(), encoded_columns.data(), columns.index.size());
    const Index source_width = x.template extent<'w'>(), width = u.template extent<'w'>();
    cpu::for_each_row(ctx, u.template extent<'h'>(), [&](Index h) {
      with_isa(ctx.isa(), [&](auto simd) {
        const float* line = tables.features + rows.index(h) * source_width * L;
        for (Index w = 0; w < width; ++w)
          simd.relu_of_three(line + columns.index(w) * L, tables.columns + w * L,
                             tables.rows + h * L, L, u.data() + (h * width + w) * L);
      });
    });
  }
};

/// Three passes over tiles of the target image; see kriging_bands.hpp.
template <>
struct Kernel<op::KrigingUpsampler, Cpu> {
  template <class L>
  static std::size_t workspace(const auto& ctx, typename L::input x, const L&, const Bands& bands,
                               Encoding) {
    const Index H = bands.height, W = bands.width;
    const auto floats = [](Index count) {
      return Arena<Cpu>::rounded(static_cast<std::size_t>(count) * sizeof(float));
    };
    std::size_t bytes = cpu::head_tables_workspace(x.size() / L::channels, H, W, L::latent) +
                        cpu::KrigingPasses::workspace(ctx, bands, L::latent);
    for (const Index N : {H, W})
      bytes += 2 * floats(N) + 2 * floats(3 * N) + floats(L::encoded * N);
    return bytes;
  }
  template <class L>
  static void run(Context<Cpu>& ctx, typename L::input x, const L& layer, const Bands& bands,
                  Encoding encoding) {
    constexpr int E = L::encoded, latent = L::latent;
    const Index H = bands.height, W = bands.width;
    Scope<Context<Cpu>> scope(ctx);
    const auto encode = [&](const QueryAxis& axis, Index source, float* factors) {
      const Index N = axis.index.size();
      launch<op::QueryGrid>(ctx, source, axis);
      cpu::distance_factors(axis, layer.lengthscale(), factors);
      const auto encoded = scope.rows<E>(N);
      launch<op::FrequencyEncoding>(ctx, Rows<const float, 1>(axis.relative.data(), N), encoding,
                                    encoded);
      return encoded.data();
    };
    const QueryAxis down = query_axis(scope, H), across = query_axis(scope, W);
    float* row_factor = scope.array<float>(3 * H);
    float* column_factor = scope.array<float>(3 * W);
    const float* encoded_rows = encode(down, x.template extent<'h'>(), row_factor);
    const float* encoded_columns = encode(across, x.template extent<'w'>(), column_factor);

    const auto& head = layer.head;
    const auto& split =
        cpu::split_head(head.prepared, newest_stamp(head.weight, head.bias), L::channels, E, latent,
                        head.weight.data(), head.bias.data());
    const cpu::HeadTables tables = cpu::head_tables(
        ctx, scope, split, x.data(), x.size() / L::channels, encoded_rows, H, encoded_columns, W);
    const cpu::KrigingImage image{
        .L = latent,
        .H = H,
        .W = W,
        .rows = down,
        .columns = across,
        .features = tables.features,
        .row_table = tables.rows,
        .column_table = tables.columns,
        .source_width = x.template extent<'w'>(),
        .row_factor = row_factor,
        .column_factor = column_factor,
        .block = {cpu::block_weights(layer.block1), cpu::block_weights(layer.block2)},
        .to_rgb = &cpu::packed_linear(layer.to_rgb)};
    cpu::KrigingPasses(ctx, image, bands).run();
  }
};

}}  // namespace eqsr::EQSR_ABI
