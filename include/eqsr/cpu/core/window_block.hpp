// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/attention.hpp>  // AttentionHead
#include <eqsr/cpu/core/product.hpp>    // packed_linear
#include <eqsr/cpu/core/rows.hpp>       // normalise

/// What the transformer blocks do in one window, from its tokens to its tokens, on scratch that
/// stays in the cache: nothing of the size of the image is written but the result.
namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// The packed weights that both kinds of block have.
struct WindowBlockForms {
  const PackedWeights *proj, *fc1, *fc2;
};
WindowBlockForms window_block_forms(AnyContext auto& ctx, const auto& layer) {
  return {packed_linear(ctx, layer.attention.proj), packed_linear(ctx, layer.mlp.fc1),
          packed_linear(ctx, layer.mlp.fc2)};
}

/// A transformer block without its queries, keys and values.
struct WindowBlock {
  AttentionShape shape;
  int heads, hidden;
  const float *norm1_weight, *norm1_bias, *norm2_weight, *norm2_bias;
  WindowBlockForms forms;
  const BiasTable* bias;

  [[nodiscard]] int channels() const { return heads * shape.d; }
};

/// The parts of a block that both kinds have.
template <class L>
WindowBlock window_block(const L& layer, const AttentionShape& shape, const WindowBlockForms& forms,
                         const BiasTable& bias) {
  return {shape,
          L::heads,
          L::hidden,
          layer.norm1.weight.data(),
          layer.norm1.bias.data(),
          layer.norm2.weight.data(),
          layer.norm2.bias.data(),
          forms,
          &bias};
}

/// Rows of a perceptron that are worked on at once.
inline constexpr Index mlp_rows = 64;

/// One thread's work on one window.
class WindowTask {
 public:
  /// Floats of scratch; `projected` is the width of the queries' rows (and more) of a window.
  static Index scratch(const AttentionShape& shape, int heads, int hidden, int projected) {
    const Index tokens = shape.queries(), channels = Index{heads} * shape.d;
    return shape.scratch() + tokens * (3 * channels + projected) + mlp_rows * hidden;
  }

  float *x, *normed, *projected, *attended;
  AttentionHead head;

  WindowTask(Isa isa, const WindowBlock& block, int projected_width, float* memory)
      : x(memory + block.shape.scratch()),
        normed(x + plane(block)),
        projected(normed + plane(block)),
        attended(projected + Index{block.shape.queries()} * projected_width),
        head(block.shape, memory),
        isa_(isa),
        block_(block),
        hidden_(attended + plane(block)) {}

  /// Takes the window's tokens from the image and normalises them. `token(i)` is where token i is.
  template <class Token>
  void enter(const Token& token) {
    const int channels = block_.channels();
    for (int i = 0; i < block_.shape.queries(); ++i)
      std::copy_n(token(i), channels, x + Index{i} * channels);
    cpu::normalise(isa_, x, block_.shape.queries(), channels, block_.norm1_weight,
                   block_.norm1_bias, normed);
  }
  /// Attends with head h; its result joins the others in `attended`.
  void attend(int h, const int* region) {
    const int channels = block_.channels();
    for (int i = 0; i < block_.shape.queries(); ++i)
      head.target[i] = attended + Index{i} * channels + h * block_.shape.d;
    head.attend(isa_, *block_.bias, h, region);
  }
  /// x += proj(attended), x += mlp(norm2(x)), and back to the image.
  template <class Token>
  void leave(const Token& token) {
    const int channels = block_.channels(), tokens = block_.shape.queries();
    dense(isa_, attended, tokens, *block_.forms.proj, x, Activation::none, x);
    for (Index begin = 0; begin < tokens; begin += mlp_rows) {
      const Index count = std::min<Index>(mlp_rows, tokens - begin);
      float* rows = x + begin * channels;
      cpu::normalise(isa_, rows, count, channels, block_.norm2_weight, block_.norm2_bias, normed);
      dense(isa_, normed, count, *block_.forms.fc1, hidden_, Activation::gelu);
      dense(isa_, hidden_, count, *block_.forms.fc2, rows, Activation::none, rows);
    }
    for (int i = 0; i < tokens; ++i) std::copy_n(x + Index{i} * channels, channels, token(i));
  }

 private:
  static Index plane(const WindowBlock& block) {
    return Index{block.shape.queries()} * block.channels();
  }
  Isa isa_;
  const WindowBlock& block_;
  float* hidden_;
};

/// Packs the rows of `qkv` weights (3 C, C) that project to heads [first, first + count), each
/// head's q, k and v padded to `padded_d` columns: [head][part][padded_d]. Queries are scaled.
/// `parts` are 0 for q, 1 for k, 2 for v.
[[gnu::noinline]] inline PackedWeights pack_heads(const AttentionShape& shape, int heads, int first,
                                                  int count, int begin_part, int end_part,
                                                  const float* weight, const float* bias) {
  const int C = heads * shape.d, padded = shape.padded_d(), parts = end_part - begin_part;
  PackedWeights packed(C, count * parts * padded);
  for (int h = 0; h < count; ++h)
    for (int part = begin_part; part < end_part; ++part)
      for (int c = 0; c < shape.d; ++c) {
        const int column = (h * parts + part - begin_part) * padded + c;
        const Index row = Index{part} * C + (first + h) * shape.d + c;
        const float scale = part == 0 ? shape.scale() : 1.0f;
        packed.bias.data()[column] = flushed(bias[row]) * scale;
        for (int k = 0; k < C; ++k) packed.at(k, column) = flushed(weight[row * C + k]) * scale;
      }
  return packed;
}

}}}  // namespace eqsr::EQSR_ABI::cpu
