// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/pack.hpp>     // product
#include <eqsr/layer/linear.hpp>  // op::Linear

namespace eqsr { inline namespace EQSR_ABI {
namespace gpu {

/// The packed weights of a layer that has a `matrix()`.
template <Precision P>
const PackedWeights* packed_linear(AnyContext auto& ctx, const auto& layer) {
  const int inputs = static_cast<int>(extent<'c'>(layer.matrix()));
  const int outputs = static_cast<int>(extent<'o'>(layer.matrix()));
  return ctx.template prepare<PackedIn<P>>(
      layer.prepared, layer.weight.stamp(), PackedIn<P>::bytes(inputs, outputs, 1), [&] {
        return pack<P>(outputs, inputs, 1, host_values(layer.weight).data(), {.row = inputs});
      });
}

/// The output of a product with an epilogue.
template <int C>
ProductOutput output(float* y, const float* bias, const Epilogue<C>& epilogue) {
  return {.y = y,
          .bias = bias,
          .residual = epilogue.residual.data(),
          .activation = epilogue.activation};
}

}  // namespace gpu

template <>
struct Kernel<op::Linear, Cuda> {
  struct Scratch {
    const gpu::PackedWeights* weights;
  };
  template <int In, int Out>
  static Scratch scratch(auto& memory, Rows<const float, In> x, const auto& layer, Rows<float, Out>,
                         const Epilogue<Out>&) {
    auto& ctx = memory.context();
    return gpu::with_product_precision<In, Out>(ctx.precision, extent<'m'>(x), [&]<Precision P>() {
      return Scratch{gpu::packed_linear<P>(ctx, layer)};
    });
  }
  template <int In, int Out>
  static void run(Context<Cuda>& ctx, const Scratch& scratch, Rows<const float, In> x,
                  const auto& layer, Rows<float, Out> y, const Epilogue<Out>& epilogue) {
    const Index rows = extent<'m'>(x);
    gpu::product(ctx, x.data(), rows, rows, *scratch.weights,
                 gpu::output(y.data(), layer.bias.data(), epilogue));
  }
};

}}  // namespace eqsr::EQSR_ABI
