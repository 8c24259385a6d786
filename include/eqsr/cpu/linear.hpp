// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>      // product
#include <eqsr/layer/linear.hpp>  // op::Linear

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

template <class C>
[[gnu::noinline]] const PackedWeights* packed_linear(C& ctx, const Prepared& prepared,
                                                     std::uint64_t stamp, int outputs, int depth,
                                                     const float* weight, const float* bias) {
  return ctx.template prepare<PackedWeights>(
      prepared, stamp, PackedWeights::bytes(depth, outputs),
      [&] { return pack(outputs, depth, weight, bias, {.row = depth}); });
}

/// The packed weights of a Linear or a 1x1 convolution.
const PackedWeights* packed_linear(AnyContext auto& ctx, const auto& layer) {
  const auto weight = layer.matrix();  // (o, c)
  return packed_linear(ctx, layer.prepared, newest_stamp(layer.weight, layer.bias),
                       static_cast<int>(weight.template extent<'o'>()),
                       static_cast<int>(weight.template extent<'c'>()), weight.data(),
                       layer.bias.data());
}

}  // namespace cpu

template <>
struct Kernel<op::Linear, Cpu> {
  struct Scratch {
    const cpu::PackedWeights* weights;
  };
  static Scratch scratch(auto& memory, const auto& /*x*/, const auto& layer, const auto&...) {
    return {cpu::packed_linear(memory.context(), layer)};
  }
  template <int In, int Out>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Rows<const float, In> x, const auto&,
                  Rows<float, Out> y, const Epilogue<Out>& epilogue) {
    const cpu::PackedWeights& packed = *scratch.weights;
    const Operand a{.data = x.data(), .rows = x.template extent<'m'>(), .row_stride = In};
    cpu::product(ctx, a, packed.matrix(), cpu::output(y.data(), packed.bias.data(), epilogue));
  }
};

}}  // namespace eqsr::EQSR_ABI
