// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/channel.cuh>     // group_sums
#include <eqsr/cuda/kernel/mlp.hpp>  // MlpBody
#include <eqsr/cuda/layer_norm.cuh>  // layer_norm
#include <eqsr/cuda/linear.cuh>      // packed_linear
#include <eqsr/layer/mlp.hpp>        // op::Mlp

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

/// A perceptron on rows, with what MlpBody can do.
template <Precision P>
struct MlpCall {
  const float* x;
  Index count;
  const PackedWeights<P>*expand, *contract;
  const float *expand_bias, *contract_bias;
  const float *norm_weight = nullptr, *norm_bias = nullptr;
  const float* residual = nullptr;
  float* y = nullptr;
  Index group = 0;           ///< rows that are summed together; 0: all
  double* sums = nullptr;    ///< (ceil(count / group), hidden): of the hidden layer, or null
  double* pieces = nullptr;  ///< (mlp_pieces(count, group), hidden): scratch for them
};

/// The pieces that the one kernel sums.
inline Index mlp_pieces(Index count, Index group) {
  return blocks_for(count, group) * blocks_for(group, MlpBody<Precision::float32>::rows);
}

/// The scratch that `mlp` needs where the one kernel does not fit.
inline std::size_t mlp_workspace(Index count, int channels, int hidden) {
  const auto floats = [](Index n) {
    return Arena<Cuda>::rounded(static_cast<std::size_t>(n) * sizeof(float));
  };
  return floats(count * hidden) + floats(count * channels);
}

/// One kernel where its rows and weights fit into the shared memory of this device, else three.
template <Precision P>
void mlp(Context<Cuda>& ctx, const MlpCall<P>& call) {
  using Body = MlpBody<P>;
  const int channels = call.expand->inputs, hidden = call.expand->outputs;
  const int shared = Body::shared_bytes(channels);
  if (channels <= Body::most_channels && shared <= ctx.shared_limit()) {
    const Index group = call.group > 0 ? call.group : std::max<Index>(1, call.count);
    const Index pieces = mlp_pieces(call.count, group);
    run<Body>(ctx, pieces, 1, Body::max_threads, shared,
              {.x = call.x,
               .norm_weight = call.norm_weight,
               .norm_bias = call.norm_bias,
               .expand = call.expand->values.data(),
               .contract = call.contract->values.data(),
               .expand_bias = call.expand_bias,
               .contract_bias = call.contract_bias,
               .residual = call.residual,
               .y = call.y,
               .sums = call.sums ? call.pieces : nullptr,
               .count = call.count,
               .group = group,
               .channels = channels,
               .hidden = hidden,
               .epsilon = static_cast<float>(layer_norm_epsilon),
               .vector = channels % 4 == 0 && aligned_to(call.x, 16)});
    if (call.sums)
      group_sums(ctx, call.pieces, pieces, blocks_for(group, Body::rows), hidden, call.sums);
    return;
  }
  Scope scope(ctx);
  float* inside = scope.template array<float>(call.count * hidden);
  const float* x = call.x;
  if (call.norm_weight) {
    float* normed = scope.template array<float>(call.count * channels);
    layer_norm(ctx, x, call.count, channels, call.norm_weight, call.norm_bias, Activation::none,
               normed);
    x = normed;
  }
  product(ctx, x, call.count, call.count, *call.expand,
          {.y = inside, .bias = call.expand_bias, .activation = Activation::gelu});
  if (call.sums) group_sums(ctx, inside, call.count, call.group, hidden, call.sums);
  if (call.y)
    product(ctx, inside, call.count, call.count, *call.contract,
            {.y = call.y, .bias = call.contract_bias, .residual = call.residual});
}

}  // namespace gpu

template <>
struct Kernel<op::Mlp, Cuda> {
  template <int C, class L>
  static std::size_t workspace(int, Rows<const float, C> x, const L& layer, Rows<float, C>,
                               const Epilogue<C>&) {
    return gpu::mlp_workspace(x.template extent<'m'>(), C,
                              static_cast<int>(layer.fc1.weight.template extent<'o'>()));
  }
  template <int C>
  static void run(Context<Cuda>& ctx, Rows<const float, C> x, const auto& layer, Rows<float, C> y,
                  const Epilogue<C>& epilogue) {
    EQSR_EXPECTS(epilogue.activation == Activation::none, "bad_argument",
                 "Mlp: the output of a perceptron has no activation. Use a Linear after it.");
    gpu::with_precision(ctx.precision, [&]<Precision P>() {
      gpu::mlp<P>(ctx, {.x = x.data(),
                        .count = x.template extent<'m'>(),
                        .expand = &gpu::packed_linear<P>(layer.fc1),
                        .contract = &gpu::packed_linear<P>(layer.fc2),
                        .expand_bias = layer.fc1.bias.data(),
                        .contract_bias = layer.fc2.bias.data(),
                        .residual = epilogue.residual.data(),
                        .y = y.data()});
    });
  }
};

}}  // namespace eqsr::EQSR_ABI
