// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/conv2d.cuh>  // packed_3x3
#include <eqsr/cuda/eca.cuh>
#include <eqsr/cuda/kernel/kriging_block.hpp>  // KrigingBlockBody
#include <eqsr/cuda/kernel/kriging_head.hpp>   // HeadTables
#include <eqsr/cuda/mlp.cuh>                   // mlp
#include <eqsr/layer/involution_block.hpp>     // InvolutionBlock

/// The parts of the target-resolution stage; kriging_passes.cuh puts them together.
namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// The parameters of one involution block in the order of the kernels.
struct BlockWeights {
  const float *norm1_weight, *norm1_bias, *norm2_weight, *norm2_bias;
  const PackedWeights *conv1, *conv2;  ///< one step finer than the mode
  const PackedWeights *reduce, *expand, *contract;
  const Buffer* kernels;
  const float *conv1_bias, *reduce_bias, *kernels_bias, *conv2_bias, *expand_bias, *contract_bias;
  const float* contract_weight;  ///< (L, 2L) in rows
  const float* attention;        ///< taps of the gate's convolution
  int attention_taps;
};

/// The weights (9 L/8, R) that predict the kernels, packed for KrigingBlockBody: chunks of 36
/// outputs, each in tiles of 48 columns. A type for each precision, as PackedIn.
template <Precision P>
struct PackedKernels {
  using Body = KrigingBlockBody<P>;
  using Tiles = Packer<Body::fine, Body::packed_columns>;
  Buffer values;

  static Index tile_count(int outputs, int inputs) {
    return ceil_div(outputs, Body::kernel_columns) * Body::blocks(inputs);
  }
  static std::size_t bytes(int outputs, int inputs) {
    return Tiles::bytes(tile_count(outputs, inputs));
  }
};

template <Precision P>
PackedKernels<P> pack_kernels(int outputs, int inputs, const float* weight) {
  using Body = KrigingBlockBody<P>;
  const int blocks = Body::blocks(inputs);
  typename PackedKernels<P>::Tiles packer(PackedKernels<P>::tile_count(outputs, inputs));
  for (int o = 0; o < outputs; ++o)
    for (int k = 0; k < inputs; ++k)
      packer.set(Index{o / Body::kernel_columns} * blocks + k / tile_steps, k % tile_steps,
                 o % Body::kernel_columns, weight[Index{o} * inputs + k]);
  return {packer.take()};
}

template <Precision P, int C, class B>
BlockWeights block_weights(AnyContext auto& ctx, const InvolutionBlock<C, B>& block) {
  const auto& expand = block.involution.expand;
  constexpr int outputs = Involution<C, B>::Kernels, inputs = Involution<C, B>::Reduced;
  const auto* kernels = ctx.template prepare<PackedKernels<P>>(
      expand.prepared, expand.weight.stamp(), PackedKernels<P>::bytes(outputs, inputs),
      [&] { return pack_kernels<P>(outputs, inputs, host_values(expand.weight).data()); });
  return {.norm1_weight = block.norm1.weight.data(),
          .norm1_bias = block.norm1.bias.data(),
          .norm2_weight = block.norm2.weight.data(),
          .norm2_bias = block.norm2.bias.data(),
          .conv1 = packed_linear<finer(P)>(ctx, block.conv1),
          .conv2 = packed_linear<finer(P)>(ctx, block.conv2),
          .reduce = packed_3x3<P>(ctx, block.involution.reduce),
          .expand = packed_linear<P>(ctx, block.expand),
          .contract = packed_linear<P>(ctx, block.contract),
          .kernels = kernels ? &kernels->values : nullptr,
          .conv1_bias = block.conv1.bias.data(),
          .reduce_bias = block.involution.reduce.bias.data(),
          .kernels_bias = expand.bias.data(),
          .conv2_bias = block.conv2.bias.data(),
          .expand_bias = block.expand.bias.data(),
          .contract_bias = block.contract.bias.data(),
          .contract_weight = block.contract.weight.data(),
          .attention = block.attention.weight.data(),
          .attention_taps = eca_taps(C)};
}

/// Rows of a plane of the target, from row `first` on.
struct PlaneRows {
  float* data;
  Index first;
};

/// What does not change during the passes.
struct KrigingImage {
  int L;
  Index H, W;
  HeadTables tables;
  const float *row_factor = nullptr, *column_factor = nullptr;  ///< (H, 3), (W, 3), of blocks
};

/// u for the rows [first, last).
inline void head_rows(Context<Cuda>& ctx, const KrigingImage& image, Index first, Index last,
                      float* u) {
  run_rows<KrigingHeadBody>(
      ctx, (last - first) * image.W,
      {.tables = image.tables, .u = u, .first = first, .count = last - first});
}

/// conv1(norm1(x)) of `count` pixels; `normed` is scratch of their size.
inline void first_product(Context<Cuda>& ctx, const BlockWeights& block, const float* x,
                          Index count, float* normed, float* a) {
  layer_norm(ctx, x, count, block.conv1->inputs, block.norm1_weight, block.norm1_bias,
             Activation::none, normed);
  product(ctx, normed, count, count, *block.conv1, {.y = a, .bias = block.conv1_bias});
}

template <Precision P>
void involve_in(Context<Cuda>& ctx, const KrigingImage& image, const BlockWeights& block,
                PlaneRows a, PlaneRows residual, PlaneRows y, Index first, Index last) {
  using Body = KrigingBlockBody<P>;
  static_assert(Body::most_channels == most_latent);
  using Operand = typename Body::Operand;
  const typename Body::Layout layout(image.L);
  run<Body>(ctx, ceil_div(last - first, Body::side) * ceil_div(image.W, Body::side), 1,
            Body::max_threads, layout.end,
            {.a = a.data,
             .residual = residual.data,
             .y = y.data,
             .a_first = a.first,
             .residual_first = residual.first,
             .y_first = y.first,
             .reduce = block.reduce->values.template as<Operand>(),
             .expand = block.kernels->template as<Operand>(),
             .conv2 = block.conv2->values.template as<Operand>(),
             .reduce_bias = block.reduce_bias,
             .expand_bias = block.kernels_bias,
             .conv2_bias = block.conv2_bias,
             .row_factor = image.row_factor,
             .column_factor = image.column_factor,
             .first_row = first,
             .last_row = last,
             .height = image.H,
             .width = image.W,
             .channels = image.L,
             .reduced = block.reduce->outputs,
             .vector = image.L % 4 == 0});
}

/// y = residual + conv2(involution(a)) for the rows [first, last). `a` covers a row more on each
/// side; the residual may be y.
inline void involve(Context<Cuda>& ctx, const KrigingImage& image, const BlockWeights& block,
                    PlaneRows a, PlaneRows residual, PlaneRows y, Index first, Index last) {
  with_precision(ctx.precision, [&]<Precision P>() {
    involve_in<P>(ctx, image, block, a, residual, y, first, last);
  });
}

/// Where the sums of the hidden layer go: one a group of rows of the image.
struct HiddenSums {
  Index group = 0;
  double* sums = nullptr;
};

/// z = contract(GELU(expand(norm2(x)))), or the sums of the hidden layer alone, or both.
inline void perceptron(Context<Cuda>& ctx, const MlpScratch& scratch, const BlockWeights& block,
                       const float* x, Index count, float* z, const HiddenSums& hidden = {}) {
  mlp(ctx, scratch,
      {.x = x,
       .count = count,
       .expand = block.expand,
       .contract = block.contract,
       .expand_bias = block.expand_bias,
       .contract_bias = block.contract_bias,
       .norm_weight = block.norm2_weight,
       .norm_bias = block.norm2_bias,
       .y = z,
       .group = hidden.group,
       .sums = hidden.sums});
}

/// x = ReLU(x + gate z) in place.
inline void apply_gate(Context<Cuda>& ctx, const KrigingImage& image, float* x, const float* z,
                       const float* gate, Index rows) {
  channel_scale(ctx, {.x = z,
                      .gate = gate,
                      .residual = x,
                      .y = x,
                      .rows = rows * image.W,
                      .channels = image.L,
                      .offset = 0.0f,
                      .relu = true});
}

}}}  // namespace eqsr::EQSR_ABI::gpu
