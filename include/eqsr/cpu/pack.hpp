// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/rounding.hpp>     // flushed
#include <eqsr/core/tensor.hpp>       // Memory
#include <eqsr/cpu/context.hpp>       // Context<Cpu>
#include <eqsr/cpu/simd.hpp>          // PackedMatrix, Operand, Output
#include <eqsr/layer/layer_norm.hpp>  // layer_norm_epsilon

#include <algorithm>  // transform
#include <utility>    // exchange

namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// Floats on cache lines, zero at first.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Index count) : data_(static_cast<float*>(Memory<Cpu>::allocate(bytes(count)))) {
    Memory<Cpu>::zero(data_, bytes(count));
  }
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer() {
    if (data_) Memory<Cpu>::deallocate(data_);
  }
  [[nodiscard]] float* data() const { return data_; }
  static constexpr std::size_t bytes(Index count) {
    return static_cast<std::size_t>(count + 16) * sizeof(float);
  }

 private:
  float* data_ = nullptr;
};

/// Weights in the order of the tile kernel, with the bias padded alike.
struct PackedWeights {
  Buffer values, bias;
  int depth = 0, columns = 0;

  PackedWeights(int k, int n)
      : values(Index{k} * padded(n)), bias(padded(n)), depth(k), columns(n) {}
  static std::size_t bytes(int k, int n) {
    return Buffer::bytes(Index{k} * padded(n)) + Buffer::bytes(padded(n));
  }

  [[nodiscard]] PackedMatrix matrix() const { return {values.data(), depth, columns}; }

  [[nodiscard]] float& at(int k, int n) const { return values.data()[matrix().offset(k, n)]; }

 private:
  static Index padded(int n) { return (Index{n} + 15) / 16 * 16; }
};

/// Where an element of row-major weights lies: w[o * row + first + k * step].
struct WeightLayout {
  Index row = 0, first = 0, step = 1;
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

/// Rows that one task of a product takes.
inline constexpr Index stretch = 96;

/// The rows [begin, begin + count) of an operand and its output.
[[gnu::noinline]] inline void multiply_rows(Isa isa, Operand a, const PackedMatrix& b, Output y,
                                            Index begin, Index count) {
  a.data += begin * a.row_stride;
  a.rows = count;
  y.data += begin * y.row_stride;
  if (y.residual) y.residual += begin * y.residual_stride;
  with_isa(isa, [&](auto simd) { simd.multiply(a, b, y); });
}

/// y = residual + activation(x w + bias) for contiguous rows, on one thread.
inline void dense(Isa isa, const float* x, Index rows, const PackedWeights& weights, float* y,
                  Activation activation = Activation::none, const float* residual = nullptr) {
  multiply_rows(isa, {.data = x, .rows = rows, .row_stride = weights.depth}, weights.matrix(),
                {.data = y,
                 .row_stride = weights.columns,
                 .bias = weights.bias.data(),
                 .residual = residual,
                 .residual_stride = weights.columns,
                 .activation = activation},
                0, rows);
}

/// y = activation(layer_norm(x)) for contiguous rows, on one thread.
inline void normalise(Isa isa, const float* x, Index rows, int channels, const float* weight,
                      const float* bias, float* y, Activation activation = Activation::none) {
  with_isa(isa, [&](auto simd) {
    for (Index m = 0; m < rows; ++m)
      simd.layer_norm(x + m * channels, channels, weight, bias,
                      static_cast<float>(layer_norm_epsilon), activation, y + m * channels);
  });
}

/// y = epilogue(a b), rows shared out to the threads.
[[gnu::noinline]] inline void product(Context<Cpu>& ctx, const Operand& a, const PackedMatrix& b,
                                      const Output& y) {
  ctx.parallel_for((a.rows + stretch - 1) / stretch, [&](Index task, int) {
    multiply_rows(ctx.isa(), a, b, y, task * stretch, (std::min)(stretch, a.rows - task * stretch));
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

/// Runs `task(row)` for each row of an image, several rows at a time.
template <class Task>
void for_each_row(Context<Cpu>& ctx, Index rows, const Task& task) {
  constexpr Index group = 8;
  ctx.parallel_for((rows + group - 1) / group, [&](Index block, int) {
    for (Index row = block * group; row < (std::min)(rows, (block + 1) * group); ++row) task(row);
  });
}

}}}  // namespace eqsr::EQSR_ABI::cpu
