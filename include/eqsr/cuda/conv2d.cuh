// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/linear.cuh>   // product, output
#include <eqsr/layer/conv2d.hpp>  // op::Conv2d

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

/// The packed weights of a 3x3 convolution.
template <Precision P>
const PackedWeights* packed_3x3(AnyContext auto& ctx, const auto& layer) {
  const int inputs = static_cast<int>(extent<'c'>(layer.weight));
  const int outputs = static_cast<int>(extent<'o'>(layer.weight));
  return ctx.template prepare<PackedIn<P>>(
      layer.prepared, layer.weight.stamp(), PackedIn<P>::bytes(inputs, outputs, 9), [&] {
        return pack<P>(outputs, inputs, 9, host_values(layer.weight).data(),
                       {.row = 9 * Index{inputs}, .step = 9});
      });
}

}  // namespace gpu

template <>
struct Kernel<op::Conv2d, Cuda> {
  struct Scratch {
    const gpu::PackedWeights* weights;
  };
  template <int In, int Out>
  static Scratch scratch(auto& memory, Plane<const float, In> x, const auto& layer,
                         Plane<float, Out>, const Epilogue<Out>&) {
    auto& ctx = memory.context();
    return gpu::with_product_precision<In, Out>(ctx.precision, x.size() / In, [&]<Precision P>() {
      return Scratch{gpu::packed_3x3<P>(ctx, layer)};
    });
  }
  template <int In, int Out>
  static void run(Context<Cuda>& ctx, const Scratch& scratch, Plane<const float, In> x,
                  const auto& layer, Plane<float, Out> y, const Epilogue<Out>& epilogue) {
    gpu::product(ctx, x.data(), x.size() / In, extent<'w'>(x), *scratch.weights,
                 gpu::output(y.data(), layer.bias.data(), epilogue));
  }
};

}}  // namespace eqsr::EQSR_ABI
