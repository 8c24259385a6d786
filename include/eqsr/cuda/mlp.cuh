// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/channel.cuh>     // group_sums
#include <eqsr/cuda/kernel/mlp.hpp>  // MlpBody
#include <eqsr/cuda/layer_norm.cuh>  // layer_norm
#include <eqsr/cuda/linear.cuh>      // packed_linear
#include <eqsr/layer/mlp.hpp>        // op::Mlp

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

/// The sizes of a perceptron on rows, as far as its temporaries depend on them.
struct MlpSize {
  Index count;           ///< rows
  int channels, hidden;  ///< of the input and output, and of the hidden layer
  bool norm = false;     ///< whether the input is normalised first
  Index group = 0;       ///< rows whose hidden layer is summed together; 0: no sums
};

/// Where one kernel does it all, scratch for its sums; else the hidden layer and the normed input.
struct MlpScratch {
  double* pieces;
  float *hidden, *normed;
};

/// The pieces that the one kernel sums.
inline Index mlp_pieces(Index count, Index group) {
  return ceil_div(count, group) * ceil_div(group, MlpBody<Precision::float32>::rows);
}

/// Scratch for perceptrons of up to `count` rows: as one kernel where its rows and weights fit into
/// the shared memory of a block.
template <class C>
MlpScratch mlp_scratch(Scope<C>& memory, const MlpSize& size) {
  const C& ctx = memory.context();
  const bool one = with_precision(ctx.precision, [&]<Precision P>() {
    return size.channels <= MlpBody<P>::most_channels &&
           MlpBody<P>::shared_bytes(size.channels) <= ctx.shared_limit();
  });
  const Index pieces = size.group > 0 ? mlp_pieces(size.count, size.group) * size.hidden : 0;
  return {one && pieces > 0 ? memory.doubles(pieces) : nullptr,
          one ? nullptr : memory.floats(size.count * size.hidden),
          one || !size.norm ? nullptr : memory.floats(size.count * size.channels)};
}

/// A perceptron on rows, with what MlpBody can do.
struct MlpCall {
  const float* x;
  Index count;
  const PackedWeights *expand, *contract;
  const float *expand_bias, *contract_bias;
  const float *norm_weight = nullptr, *norm_bias = nullptr;
  const float* residual = nullptr;
  float* y = nullptr;
  Index group = 0;         ///< rows that are summed together; 0: all
  double* sums = nullptr;  ///< (ceil(count / group), hidden): of the hidden layer, or null
};

template <Precision P>
void mlp_in_one(Context<Cuda>& ctx, const MlpScratch& scratch, const MlpCall& call) {
  using Body = MlpBody<P>;
  using Operand = typename Body::Operand;
  const int channels = call.expand->inputs, hidden = call.expand->outputs;
  const Index group = call.group > 0 ? call.group : std::max<Index>(1, call.count);
  const Index pieces = mlp_pieces(call.count, group);
  run<Body>(
      ctx, pieces, 1, Body::max_threads, Body::shared_bytes(channels),
      {.x = call.x,
       .norm_weight = call.norm_weight,
       .norm_bias = call.norm_bias,
       .expand = call.expand->values.template as<Operand>(),
       .contract = call.contract->values.template as<Operand>(),
       .expand_bias = call.expand_bias,
       .contract_bias = call.contract_bias,
       .residual = call.residual,
       .y = call.y,
       .sums = call.sums ? scratch.pieces : nullptr,
       .count = call.count,
       .group = group,
       .channels = channels,
       .hidden = hidden,
       .epsilon = static_cast<float>(layer_norm_epsilon),
       .vector = channels % 4 == 0 && aligned_to(call.x, 16),
       .vector_out = channels % 2 == 0 && aligned_to(call.y, 8) && aligned_to(call.residual, 8)});
  if (call.sums)
    group_sums(ctx, scratch.pieces, pieces, ceil_div(group, Body::rows), hidden, call.sums);
}

/// One kernel, or three where `scratch` has memory for what is between them.
inline void mlp(Context<Cuda>& ctx, const MlpScratch& scratch, const MlpCall& call) {
  if (!scratch.hidden) {
    with_precision(ctx.precision, [&]<Precision P>() { mlp_in_one<P>(ctx, scratch, call); });
    return;
  }
  const float* x = call.x;
  if (call.norm_weight) {
    layer_norm(ctx, x, call.count, call.expand->inputs, call.norm_weight, call.norm_bias,
               Activation::none, scratch.normed);
    x = scratch.normed;
  }
  product(ctx, x, call.count, call.count, *call.expand,
          {.y = scratch.hidden, .bias = call.expand_bias, .activation = Activation::gelu});
  if (call.sums)
    group_sums(ctx, scratch.hidden, call.count, call.group, call.expand->outputs, call.sums);
  if (call.y)
    product(ctx, scratch.hidden, call.count, call.count, *call.contract,
            {.y = call.y, .bias = call.contract_bias, .residual = call.residual});
}

}  // namespace gpu

template <>
struct Kernel<op::Mlp, Cuda> {
  struct Scratch {
    gpu::MlpScratch temporaries;
    const gpu::PackedWeights *expand, *contract;
  };
  template <int C>
  static Scratch scratch(auto& memory, Rows<const float, C> x, const auto& layer, Rows<float, C>,
                         const Epilogue<C>&) {
    auto& ctx = memory.context();
    const auto hidden = static_cast<int>(extent<'o'>(layer.fc1.weight));
    const gpu::MlpScratch temporaries =
        gpu::mlp_scratch(memory, {.count = extent<'m'>(x), .channels = C, .hidden = hidden});
    return gpu::with_precision(ctx.precision, [&]<Precision P>() {
      return Scratch{temporaries, gpu::packed_linear<P>(ctx, layer.fc1),
                     gpu::packed_linear<P>(ctx, layer.fc2)};
    });
  }
  template <int C>
  static void run(Context<Cuda>& ctx, const Scratch& scratch, Rows<const float, C> x,
                  const auto& layer, Rows<float, C> y, const Epilogue<C>& epilogue) {
    EQSR_EXPECTS(epilogue.activation == Activation::none, "bad_argument",
                 "Mlp: the output of a perceptron has no activation. Use a Linear after it.");
    gpu::mlp(ctx, scratch.temporaries,
             {.x = x.data(),
              .count = extent<'m'>(x),
              .expand = scratch.expand,
              .contract = scratch.contract,
              .expand_bias = layer.fc1.bias.data(),
              .contract_bias = layer.fc2.bias.data(),
              .residual = epilogue.residual.data(),
              .y = y.data()});
  }
};

}}  // namespace eqsr::EQSR_ABI
