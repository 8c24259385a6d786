// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/channel.cuh>                  // channel_scale
#include <eqsr/cuda/conv2d.cuh>                   // pack, product
#include <eqsr/cuda/kernel/modulated_conv2d.hpp>  // DemodulateBody
#include <eqsr/layer/modulated_conv2d.hpp>        // op::ModulatedConv2d

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

/// Packed weights and the sum over the taps of each pair of channels' squares: they serve every
/// modulation.
template <Precision P>
struct ModulatedWeights {
  PackedWeights<P> weights;
  Buffer<float> squares;  ///< (outputs, inputs)
};

template <Precision P>
ModulatedWeights<P> prepare_modulated(int outputs, int inputs, const std::vector<float>& weight) {
  std::vector<float> squares(static_cast<std::size_t>(outputs) * static_cast<std::size_t>(inputs));
  for (std::size_t i = 0; i < squares.size(); ++i) {
    double sum = 0;
    for (std::size_t tap = 0; tap < 9; ++tap)
      sum += double(weight[9 * i + tap]) * double(weight[9 * i + tap]);
    squares[i] = static_cast<float>(sum);
  }
  return {pack<P>(outputs, inputs, 9, weight.data(), {.row = 9 * Index{inputs}, .step = 9}),
          Buffer<float>(squares)};
}

}  // namespace gpu

/// The input is scaled by (m + 1), the weights are shared, the output is scaled by the inverse
/// norm.
template <>
struct Kernel<op::ModulatedConv2d, Cuda> {
  template <int In, int Out>
  static std::size_t workspace(int, Plane<const float, In> x, Channels<const float, In>,
                               const auto&, Plane<float, Out>, const Epilogue<Out>&) {
    return Arena<Cuda>::rounded(static_cast<std::size_t>(x.size()) * sizeof(float)) +
           Arena<Cuda>::rounded(Out * sizeof(float));
  }
  template <int In, int Out>
  static void run(Context<Cuda>& ctx, Plane<const float, In> x,
                  Channels<const float, In> modulation, const auto& layer, Plane<float, Out> y,
                  const Epilogue<Out>& epilogue) {
    Scope scope(ctx);
    const Index w = x.template extent<'w'>();
    const auto scaled = scope.template plane<In>(x.template extent<'h'>(), w);
    float* scale = scope.template array<float>(Out);
    gpu::channel_scale(
        ctx, {x.data(), modulation.data(), nullptr, scaled.data(), x.size() / In, In, 1.0f, false});
    gpu::with_product_precision<In, Out>(ctx, x.size() / In, [&]<Precision P>() {
      using Body = gpu::DemodulateBody;
      const auto& prepared = layer.prepared.template get<gpu::ModulatedWeights<P>>(
          layer.weight.stamp(),
          [&] { return gpu::prepare_modulated<P>(Out, In, gpu::host_values(layer.weight)); });
      gpu::run_rows<Body>(
          ctx, Out,
          {prepared.squares.data(), modulation.data(), scale, In, Out, demodulation_epsilon});
      auto out = gpu::output(y.data(), nullptr, epilogue);
      out.scale = scale;
      gpu::product(ctx, scaled.data(), x.size() / In, w, prepared.weights, out);
    });
  }
};

}}  // namespace eqsr::EQSR_ABI
