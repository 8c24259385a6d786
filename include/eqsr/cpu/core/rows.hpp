// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/context.hpp>  // Context<Cpu>
#include <eqsr/cpu/core/simd.hpp>     // Loops
#include <eqsr/layer/layer_norm.hpp>  // layer_norm_epsilon

#include <algorithm>  // min

namespace eqsr { inline namespace EQSR_ABI { namespace cpu {

/// Shares `count` items out in chunks: runs `task(first, size, thread)` for each chunk, all of them
/// `chunk` items but the last.
template <class Task>
void for_each_chunk(Context<Cpu>& ctx, Index count, Index chunk, const Task& task) {
  ctx.parallel_for(ceil_div(count, chunk), [&](Index index, int thread) {
    const Index first = index * chunk;
    task(first, (std::min)(chunk, count - first), thread);
  });
}

/// Runs `task(row, thread)` for each row of an image, several rows at a time.
template <class Task>
void for_each_row(Context<Cpu>& ctx, Index rows, const Task& task) {
  for_each_chunk(ctx, rows, 8, [&](Index first, Index count, int thread) {
    for (Index row = first; row < first + count; ++row) task(row, thread);
  });
}

/// The parameters of a layer norm.
struct Norm {
  const float *weight, *bias;  ///< (c)
};
Norm norm_of(const auto& layer) { return {layer.weight.data(), layer.bias.data()}; }

/// y = activation(layer_norm(x)) on one thread.
inline void normalise(const Loops& loops, Rows<const float> x, const Norm& norm, float* y,
                      Activation activation = Activation::none) {
  const Index rows = x.extent<'m'>();
  const int channels = static_cast<int>(x.extent<'c'>());
  loops.layer_norm(x.data(), rows, channels, norm.weight, norm.bias,
                   static_cast<float>(layer_norm_epsilon), activation, y);
}

}}}  // namespace eqsr::EQSR_ABI::cpu
