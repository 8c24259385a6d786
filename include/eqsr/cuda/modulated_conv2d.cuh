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
struct ModulatedWeights {
  PackedWeights weights;
  Buffer squares;  ///< floats (outputs, inputs)
};
/// The same as a type for each precision.
template <Precision P>
struct ModulatedIn : ModulatedWeights {
  static std::size_t bytes(int inputs, int outputs) {
    return PackedIn<P>::bytes(inputs, outputs, 9) +
           static_cast<std::size_t>(inputs) * static_cast<std::size_t>(outputs) * sizeof(float);
  }
};

template <Precision P>
ModulatedIn<P> prepare_modulated(int outputs, int inputs, const std::vector<float>& weight) {
  std::vector<float> squares(static_cast<std::size_t>(outputs) * static_cast<std::size_t>(inputs));
  for (std::size_t i = 0; i < squares.size(); ++i) {
    double sum = 0;
    for (std::size_t tap = 0; tap < 9; ++tap)
      sum += double(weight[9 * i + tap]) * double(weight[9 * i + tap]);
    squares[i] = static_cast<float>(sum);
  }
  return {{pack<P>(outputs, inputs, 9, weight.data(), {.row = 9 * Index{inputs}, .step = 9}),
           Buffer(squares)}};
}

}  // namespace gpu

/// The input is scaled by (m + 1), the weights are shared, the output is scaled by the inverse
/// norm.
template <>
struct Kernel<op::ModulatedConv2d, Cuda> {
  struct Scratch {
    const gpu::ModulatedWeights* weights;
    float *scaled, *scale;  ///< the scaled input, and the scale of each output
  };
  template <int In, int Out>
  static Scratch scratch(auto& memory, Plane<const float, In> x, Channels<const float, In>,
                         const auto& layer, Plane<float, Out>, const Epilogue<Out>&) {
    auto& ctx = memory.context();
    const auto prepared = [&]<Precision P>() -> const gpu::ModulatedWeights* {
      return ctx.template prepare<gpu::ModulatedIn<P>>(
          layer.prepared, layer.weight.stamp(), gpu::ModulatedIn<P>::bytes(In, Out),
          [&] { return gpu::prepare_modulated<P>(Out, In, gpu::host_values(layer.weight)); });
    };
    return {gpu::with_product_precision<In, Out>(ctx.precision, x.size() / In, prepared),
            memory.floats(x.size()), memory.floats(Out)};
  }
  template <int In, int Out>
  static void run(Context<Cuda>& ctx, const Scratch& scratch, Plane<const float, In> x,
                  Channels<const float, In> modulation, const auto&, Plane<float, Out> y,
                  const Epilogue<Out>& epilogue) {
    gpu::channel_scale(ctx, {x.data(), modulation.data(), nullptr, scratch.scaled, x.size() / In,
                             In, 1.0f, false});
    gpu::run_rows<gpu::DemodulateBody>(
        ctx, Out,
        {scratch.weights->squares.template as<float>(), modulation.data(), scratch.scale, In, Out,
         demodulation_epsilon});
    auto out = gpu::output(y.data(), nullptr, epilogue);
    out.scale = scratch.scale;
    gpu::product(ctx, scratch.scaled, x.size() / In, extent<'w'>(x), scratch.weights->weights, out);
  }
};

}}  // namespace eqsr::EQSR_ABI
