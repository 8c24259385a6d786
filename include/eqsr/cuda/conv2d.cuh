// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/linear.cuh>   // product, output
#include <eqsr/layer/conv2d.hpp>  // op::Conv2d

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

/// The packed weights of a 3x3 convolution.
template <Precision P>
const PackedWeights<P>& packed_3x3(const auto& layer) {
  return layer.prepared.template get<PackedWeights<P>>(layer.weight.stamp(), [&] {
    const int inputs = static_cast<int>(layer.weight.template extent<'c'>());
    const int outputs = static_cast<int>(layer.weight.template extent<'o'>());
    return pack<P>(outputs, inputs, 9, host_values(layer.weight).data(),
                   {.row = 9 * Index{inputs}, .step = 9});
  });
}

}  // namespace gpu

template <>
struct Kernel<op::Conv2d, Cuda> {
  template <int In, int Out>
  static void run(Context<Cuda>& ctx, Plane<const float, In> x, const auto& layer,
                  Plane<float, Out> y, const Epilogue<Out>& epilogue) {
    const Index pixels = x.size() / In;
    gpu::with_product_precision<In, Out>(ctx, pixels, [&]<Precision P>() {
      gpu::product(ctx, x.data(), pixels, x.template extent<'w'>(), gpu::packed_3x3<P>(layer),
                   gpu::output(y.data(), layer.bias.data(), epilogue));
    });
  }
};

}}  // namespace eqsr::EQSR_ABI
