// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/rounding.hpp>     // flushed
#include <eqsr/cpu/core/buffer.hpp>   // Buffer
#include <eqsr/cpu/core/context.hpp>  // Context<Cpu>
#include <eqsr/cpu/core/rows.hpp>     // for_each_chunk
#include <eqsr/cpu/core/simd.hpp>     // PackedMatrix, Operand, Output
#include <eqsr/layer/linear.hpp>      // Epilogue, WeightLayout

#include <algorithm>  // transform

namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// Weights in the order of the tile kernel, with the bias padded alike.
struct PackedWeights {
  Buffer values, bias;
  int depth = 0, columns = 0;

  PackedWeights(int k, int n)
      : values(Index{k} * round_up(n, 16)), bias(round_up(n, 16)), depth(k), columns(n) {}
  static std::size_t bytes(int k, int n) {
    return Buffer::bytes(Index{k} * round_up(n, 16)) + Buffer::bytes(round_up(n, 16));
  }

  [[nodiscard]] PackedMatrix matrix() const { return {values.data(), depth, columns}; }

  [[nodiscard]] float& at(int k, int n) const { return values.data()[matrix().offset(k, n)]; }
};

/// Packs a matrix of weights (outputs, depth); a null bias is zero.
[[gnu::noinline]] inline PackedWeights pack(int outputs, int depth, const float* weight,
                                            const float* bias, WeightLayout layout) {
  PackedWeights packed(depth, outputs);
  for (int o = 0; o < outputs; ++o)
    for (int k = 0; k < depth; ++k)
      packed.at(k, o) = flushed(weight[o * layout.row + layout.first + k * layout.step]);
  if (bias) std::transform(bias, bias + outputs, packed.bias.data(), flushed);
  return packed;
}

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
                       static_cast<int>(extent<'o'>(weight)), static_cast<int>(extent<'c'>(weight)),
                       weight.data(), layer.bias.data());
}

/// Rows that one task of a product takes.
inline constexpr Index rows_per_task = 96;

/// The rows [begin, begin + count) of an operand and its output.
[[gnu::noinline]] inline void multiply_rows(const Loops& loops, Operand a, const PackedMatrix& b,
                                            const Output& y, Index begin, Index count) {
  a.data += begin * a.row_stride;
  a.rows = count;
  const Output part = y.from(begin, 0);
  loops.multiply(a, b, part);
}

/// Contiguous rows as the left side of a product, and as what becomes of one.
inline Operand operand(Rows<const float> x) {
  return {.data = x.data(), .rows = x.extent<'m'>(), .row_stride = x.extent<'c'>()};
}
inline Output output(float* y, const PackedWeights& weights,
                     Activation activation = Activation::none, const float* residual = nullptr) {
  return {.data = y,
          .row_stride = weights.columns,
          .bias = weights.bias.data(),
          .residual = residual,
          .residual_stride = weights.columns,
          .activation = activation};
}

/// y = residual + activation(x w + bias) on one thread.
inline void dense(const Loops& loops, Rows<const float> x, const PackedWeights& weights, float* y,
                  Activation activation = Activation::none, const float* residual = nullptr) {
  multiply_rows(loops, operand(x), weights.matrix(), output(y, weights, activation, residual), 0,
                x.extent<'m'>());
}

/// y = epilogue(a b), rows shared out to the threads.
[[gnu::noinline]] inline void product(Context<Cpu>& ctx, const Operand& a, const PackedMatrix& b,
                                      const Output& y) {
  for_each_chunk(ctx, a.rows, rows_per_task, [&](Index first, Index count, int) {
    multiply_rows(loops_of(ctx.isa()), a, b, y, first, count);
  });
}

/// The output of a product with an epilogue.
template <int C>
Output output(float* data, const float* bias, const Epilogue<C>& epilogue) {
  return {.data = data,
          .row_stride = C,
          .bias = bias,
          .residual = epilogue.residual.data(),
          .residual_stride = C,
          .activation = epilogue.activation};
}

}}}  // namespace eqsr::EQSR_ABI::cpu
