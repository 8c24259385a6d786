// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>      // product
#include <eqsr/layer/linear.hpp>  // op::Linear

namespace eqsr::inline EQSR_ABI {

template <>
struct Kernel<op::Linear, Cpu> {
  static std::size_t workspace(int threads, const auto&...) {
    return cpu::product_workspace(threads);
  }
  template <int In, int Out>
  static void run(Context<Cpu>& ctx, Rows<const float, In> x, const auto& layer, Rows<float, Out> y,
                  const Epilogue<Out>& epilogue) {
    const auto& packed = layer.prepared.template get<cpu::PackedWeights>(
        newest_stamp(layer.weight, layer.bias),
        [&] { return cpu::pack(Out, In, layer.matrix(), layer.bias.view()); });
    const Operand a{
        .data = x.data(), .rows = x.template extent<'m'>(), .row_stride = In, .length = In};
    cpu::product(ctx, a, packed.matrix(), cpu::output(y.data(), packed.bias.data(), epilogue));
  }
};

}  // namespace eqsr::inline EQSR_ABI
