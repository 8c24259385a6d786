// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/product.hpp>  // product
#include <eqsr/layer/linear.hpp>      // op::Linear

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::Linear, Cpu> {
  struct Scratch {
    const cpu::PackedWeights* weights;
  };
  static Scratch scratch(auto& memory, const auto& /*x*/, const auto& layer, const auto&...) {
    return {cpu::packed_linear(memory.context(), layer)};
  }
  template <int Out>
  static void run(Context<Cpu>& ctx, const Scratch& scratch, Rows<const float> x, const auto&,
                  Rows<float, Out> y, const Epilogue<Out>& epilogue) {
    const cpu::PackedWeights& packed = *scratch.weights;
    cpu::product(ctx, cpu::operand(x), packed.matrix(),
                 cpu::output(y.data(), packed.bias.data(), epilogue));
  }
};

}}  // namespace eqsr::EQSR_ABI
