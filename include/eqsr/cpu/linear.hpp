// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>      // product
#include <eqsr/layer/linear.hpp>  // op::Linear

namespace eqsr::inline EQSR_ABI {
namespace cpu {

[[gnu::noinline]] inline void linear(Context<Cpu>& ctx, const Operand& x, const float* weight,
                                     const float* bias, std::uint64_t stamp,
                                     const Prepared& prepared, int outputs, Output y) {
  const auto& packed = prepared.get<PackedWeights>(
      stamp, [&] { return pack(outputs, x.length, weight, bias, {.row = x.length}); });
  y.bias = packed.bias.data();
  product(ctx, x, packed.matrix(), y);
}

}  // namespace cpu

template <>
struct Kernel<op::Linear, Cpu> {
  static std::size_t workspace(int threads, const auto&...) {
    return cpu::product_workspace(threads);
  }
  template <int In, int Out>
  static void run(Context<Cpu>& ctx, Rows<const float, In> x, const auto& layer, Rows<float, Out> y,
                  const Epilogue<Out>& epilogue) {
    cpu::linear(
        ctx, {.data = x.data(), .rows = x.template extent<'m'>(), .row_stride = In, .length = In},
        layer.matrix().data(), layer.bias.data(), newest_stamp(layer.weight, layer.bias),
        layer.prepared, Out, cpu::output(y.data(), nullptr, epilogue));
  }
};

}  // namespace eqsr::inline EQSR_ABI
