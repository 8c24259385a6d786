// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>      // product
#include <eqsr/layer/linear.hpp>  // op::Linear

namespace eqsr { inline namespace EQSR_ABI {
namespace cpu {

[[gnu::noinline]] inline const PackedWeights& packed_linear(const Prepared& prepared,
                                                            std::uint64_t stamp, int outputs,
                                                            int depth, const float* weight,
                                                            const float* bias) {
  return prepared.get<PackedWeights>(
      stamp, [&] { return pack(outputs, depth, weight, bias, {.row = depth}); });
}

/// The packed weights of a Linear or a 1x1 convolution.
const PackedWeights& packed_linear(const auto& layer) {
  const auto weight = layer.matrix();  // (o, c)
  return packed_linear(layer.prepared, newest_stamp(layer.weight, layer.bias),
                       static_cast<int>(weight.template extent<'o'>()),
                       static_cast<int>(weight.template extent<'c'>()), weight.data(),
                       layer.bias.data());
}

}  // namespace cpu

template <>
struct Kernel<op::Linear, Cpu> {
  template <int In, int Out>
  static void run(Context<Cpu>& ctx, Rows<const float, In> x, const auto& layer, Rows<float, Out> y,
                  const Epilogue<Out>& epilogue) {
    const cpu::PackedWeights& packed = cpu::packed_linear(layer);
    const Operand a{.data = x.data(), .rows = x.template extent<'m'>(), .row_stride = In};
    cpu::product(ctx, a, packed.matrix(), cpu::output(y.data(), packed.bias.data(), epilogue));
  }
};

}}  // namespace eqsr::EQSR_ABI
