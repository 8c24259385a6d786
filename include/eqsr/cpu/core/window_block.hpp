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
  int hidden;
  Norm norm1, norm2;
  WindowBlockForms forms;
  const BiasTable* bias;

  [[nodiscard]] int channels() const { return shape.channels(); }
};

/// The sizes of the attention of a block of either kind.
template <class L>
inline constexpr AttentionShape block_shape = attention_shape<decltype(L::attention)>;

/// The parts of a block that both kinds have.
template <class L>
WindowBlock window_block(const L& layer, const WindowBlockForms& forms, const BiasTable& bias) {
  return {.shape = block_shape<L>,
          .hidden = L::hidden,
          .norm1 = norm_of(layer.norm1),
          .norm2 = norm_of(layer.norm2),
          .forms = forms,
          .bias = &bias};
}

/// Rows of a perceptron that are worked on at once.
inline constexpr Index mlp_rows = 64;

/// One thread's work on one window.
class WindowTask {
 public:
  /// Floats of scratch; `projected` is the width of the queries' rows (and more) of a window.
  static Index scratch(const AttentionShape& shape, int hidden, int projected) {
    const Index tokens = shape.queries();
    return shape.scratch() + tokens * (3 * shape.channels() + projected) + mlp_rows * hidden;
  }

  float *x, *normed, *projected, *attended;
  AttentionHead head;

  WindowTask(const Loops& loops, const WindowBlock& block, int projected_width, float* memory)
      : x(memory + block.shape.scratch()),
        normed(x + plane(block)),
        projected(normed + plane(block)),
        attended(projected + Index{block.shape.queries()} * projected_width),
        head(block.shape, memory),
        loops_(loops),
        block_(block),
        hidden_(attended + plane(block)) {}

  /// Takes the window's tokens from the image and normalises them.
  void enter(const Window& window, const float* image) {
    const int channels = block_.channels();
    for (int i = 0; i < block_.shape.queries(); ++i)
      std::copy_n(image + window.query(i) * channels, channels, x + Index{i} * channels);
    head.mask(window);
    normalise(loops_, rows(x, block_.shape.queries()), block_.norm1, normed);
  }
  /// Attends with head h; its result joins the others in `attended`.
  void attend(int h) {
    const int channels = block_.channels();
    for (int i = 0; i < block_.shape.queries(); ++i)
      head.target[i] = attended + Index{i} * channels + h * block_.shape.d;
    head.attend(loops_, *block_.bias, h);
  }
  /// x += proj(attended), x += mlp(norm2(x)), and back to the image.
  void leave(const Window& window, float* image) {
    const int channels = block_.channels(), tokens = block_.shape.queries();
    dense(loops_, rows(attended, tokens), *block_.forms.proj, x, Activation::none, x);
    for (Index begin = 0; begin < tokens; begin += mlp_rows) {
      const Index count = std::min<Index>(mlp_rows, tokens - begin);
      float* some = x + begin * channels;
      normalise(loops_, rows(some, count), block_.norm2, normed);
      dense(loops_, rows(normed, count), *block_.forms.fc1, hidden_, Activation::gelu);
      dense(loops_, Rows<const float>(hidden_, count, block_.hidden), *block_.forms.fc2, some,
            Activation::none, some);
    }
    for (int i = 0; i < tokens; ++i)
      std::copy_n(x + Index{i} * channels, channels, image + window.query(i) * channels);
  }

  /// Rows of the block's channels.
  [[nodiscard]] Rows<const float> rows(const float* data, Index count) const {
    return Rows<const float>(data, count, block_.channels());
  }

 private:
  static Index plane(const WindowBlock& block) {
    return Index{block.shape.queries()} * block.channels();
  }
  const Loops& loops_;
  const WindowBlock& block_;
  float* hidden_;
};

/// Packs the rows of `qkv` weights (3 C, C) that project to heads [first, first + count), each
/// head's q, k and v padded to `padded_d` columns: [head][part][padded_d]. Queries are scaled.
/// `parts` are 0 for q, 1 for k, 2 for v.
[[gnu::noinline]] inline PackedWeights pack_heads(const AttentionShape& shape, int first, int count,
                                                  int begin_part, int end_part, const float* weight,
                                                  const float* bias) {
  const int C = shape.channels(), padded = shape.padded_d(), parts = end_part - begin_part;
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
