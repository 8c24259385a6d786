// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/product.hpp>         // packed_linear
#include <eqsr/cpu/frequency_encoding.hpp>   // op::FrequencyEncoding
#include <eqsr/cpu/kriging_passes.hpp>       // KrigingPasses
#include <eqsr/cpu/query_grid.hpp>           // op::QueryGrid
#include <eqsr/layer/kriging_upsampler.hpp>  // op::KrigingUpsampler

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

/// The head's weights, split by what they multiply.
struct SplitHead {
  PackedWeights features, rows, columns;

  static std::size_t bytes(int C, int E, int L) {
    return PackedWeights::bytes(C, L) + 2 * PackedWeights::bytes(E, L);
  }
};

/// The split weights of a head (L, C + 2E): features, then the two encodings in turn, x first.
const SplitHead* split_head(AnyContext auto& ctx, const auto& head, int C, int E, int L) {
  const float *weight = head.weight.data(), *bias = head.bias.data();
  return ctx.template prepare<SplitHead>(
      head.prepared, newest_stamp(head.weight, head.bias), SplitHead::bytes(C, E, L), [&] {
        const Index row = C + 2 * E;
        return SplitHead{pack(L, C, weight, bias, {.row = row}),
                         pack(L, E, weight, nullptr, {.row = row, .first = C + 1, .step = 2}),
                         pack(L, E, weight, nullptr, {.row = row, .first = C, .step = 2})};
      });
}

/// The three parts of the head's product: a pixel's sum is features + column + row.
struct HeadTables {
  float *features, *rows, *columns;
};
template <class C>
HeadTables head_tables(Scope<C>& memory, Index source, Index H, Index W, int L) {
  return {memory.floats(source * L), memory.floats(H * L), memory.floats(W * L)};
}

[[gnu::noinline]] inline void fill_head_tables(Context<Cpu>& ctx, const HeadTables& tables,
                                               const SplitHead& head, Rows<const float> x,
                                               Rows<const float> encoded_rows,
                                               Rows<const float> encoded_columns) {
  const auto fill = [&](float* to, const PackedWeights& weights, Rows<const float> from) {
    product(ctx, operand(from), weights.matrix(), output(to, weights));
  };
  fill(tables.features, head.features, x);
  fill(tables.rows, head.rows, encoded_rows);
  fill(tables.columns, head.columns, encoded_columns);
}

/// The parameters of an involution block, packed.
BlockWeights block_weights(AnyContext auto& ctx, const auto& block) {
  return {.norm1 = norm_of(block.norm1),
          .norm2 = norm_of(block.norm2),
          .conv1 = packed_linear(ctx, block.conv1),
          .kernels = packed_linear(ctx, block.involution.expand),
          .conv2 = packed_linear(ctx, block.conv2),
          .expand = packed_linear(ctx, block.expand),
          .contract = packed_linear(ctx, block.contract),
          .reduce = packed_3x3(ctx, block.involution.reduce),
          .contract_weight = block.contract.weight.data(),
          .contract_bias = block.contract.bias.data(),
          .attention = block.attention.weight.data(),
          .attention_taps = static_cast<int>(extent<'k'>(block.attention.weight))};
}

}  // namespace cpu

template <>
struct Kernel<op::KrigingHead, Cpu> {
  struct Scratch {
    const cpu::SplitHead* weights;
    cpu::HeadTables tables;
  };
  template <int C, int E, int L>
  static Scratch scratch(auto& memory, Plane<const float, C> x, ConstQueryAxis rows,
                         ConstQueryAxis columns, Rows<const float, E>, Rows<const float, E>,
                         const auto& head, Plane<float, L>) {
    return {cpu::split_head(memory.context(), head, C, E, L),
            cpu::head_tables(memory, x.size() / C, rows.index.size(), columns.index.size(), L)};
  }
  template <int C, int E, int L>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Plane<const float, C> x,
                  ConstQueryAxis rows, ConstQueryAxis columns, Rows<const float, E> encoded_rows,
                  Rows<const float, E> encoded_columns, const auto&, Plane<float, L> u) {
    const cpu::HeadTables& tables = scratch.tables;
    cpu::fill_head_tables(ctx, tables, *scratch.weights, eqsr::rows(x), encoded_rows,
                          encoded_columns);
    const Index source_width = extent<'w'>(x), width = extent<'w'>(u);
    const Loops& loops = loops_of(ctx.isa());
    cpu::for_each_row(ctx, extent<'h'>(u), [&](Index h, int) {
      const float* line = tables.features + rows.index(h) * source_width * L;
      for (Index w = 0; w < width; ++w)
        loops.relu_of_three(line + columns.index(w) * L, tables.columns + w * L,
                            tables.rows + h * L, L, u.data() + (h * width + w) * L);
    });
  }
};

/// Three passes over tiles of the target image; see kriging_tile.hpp.
template <>
struct Kernel<op::KrigingUpsampler, Cpu> {
  /// One axis of the target: its tables, the factors of the distance, the encoded offsets.
  struct Axis {
    QueryAxis table;
    float *factor, *encoded;  ///< (N, 3), (N, encoded)
  };
  struct Scratch {
    Axis down, across;
    cpu::HeadTables tables;
    const cpu::SplitHead* head;
    cpu::BlockWeights block[2];
    const cpu::PackedWeights* to_rgb;
    cpu::KrigingPasses::Scratch passes;
  };

  template <class L>
  static Scratch scratch(auto& memory, typename L::input x, const L& layer, const Bands& bands,
                         Encoding) {
    const Index H = bands.height, W = bands.width;
    const auto axis = [&](Index N) {
      return Axis{query_axis(memory, N), memory.floats(3 * N), memory.floats(L::encoded * N)};
    };
    auto& ctx = memory.context();
    return {axis(H),
            axis(W),
            cpu::head_tables(memory, x.size() / L::channels, H, W, L::latent),
            cpu::split_head(ctx, layer.head, L::channels, L::encoded, L::latent),
            {cpu::block_weights(ctx, layer.block1), cpu::block_weights(ctx, layer.block2)},
            cpu::packed_linear(ctx, layer.to_rgb),
            cpu::KrigingPasses::scratch(memory, bands, L::latent)};
  }

  template <class L>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, typename L::input x, const L& layer,
                  const Bands& bands, Encoding encoding) {
    const Index H = bands.height, W = bands.width;
    const auto encode = [&](const Axis& axis, Index source) {
      const Index N = axis.table.index.size();
      launch<op::QueryGrid>(ctx, source, axis.table);
      cpu::distance_factors(axis.table, layer.lengthscale(), axis.factor);
      launch<op::FrequencyEncoding>(ctx, Rows<const float, 1>(axis.table.relative.data(), N),
                                    encoding, Rows<float, L::encoded>(axis.encoded, N));
    };
    encode(scratch.down, extent<'h'>(x));
    encode(scratch.across, extent<'w'>(x));
    const cpu::HeadTables& tables = scratch.tables;
    cpu::fill_head_tables(ctx, tables, *scratch.head, rows(x),
                          Rows<const float>(scratch.down.encoded, H, L::encoded),
                          Rows<const float>(scratch.across.encoded, W, L::encoded));
    const Index h = extent<'h'>(x), w = extent<'w'>(x);
    const cpu::KrigingImage image{.L = L::latent,
                                  .H = H,
                                  .W = W,
                                  .rows = scratch.down.table,
                                  .columns = scratch.across.table,
                                  .features = Plane<const float>(tables.features, h, w, L::latent),
                                  .row_table = Rows<const float>(tables.rows, H, L::latent),
                                  .column_table = Rows<const float>(tables.columns, W, L::latent),
                                  .row_factor = Rows<const float, 3>(scratch.down.factor, H),
                                  .column_factor = Rows<const float, 3>(scratch.across.factor, W),
                                  .block = {scratch.block[0], scratch.block[1]},
                                  .to_rgb = scratch.to_rgb};
    cpu::KrigingPasses(ctx, scratch.passes, image, bands).run();
  }
};

}}  // namespace eqsr::EQSR_ABI
