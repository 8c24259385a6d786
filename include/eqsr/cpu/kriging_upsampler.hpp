// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/pack.hpp>                 // product
#include <eqsr/layer/kriging_upsampler.hpp>  // op::KrigingHead

namespace eqsr::inline EQSR_ABI {
namespace cpu {

/// The head's weights, split by what they multiply.
struct SplitHead {
  PackedWeights features, rows, columns;
};

}  // namespace cpu

template <>
struct Kernel<op::KrigingHead, Cpu> {
  template <int C, int E, int L>
  static std::size_t workspace(int threads, Plane<const float, C> x, ConstQueryAxis rows,
                               ConstQueryAxis columns, Rows<const float, E>, Rows<const float, E>,
                               const auto&, Plane<float, L>) {
    const auto bytes = [](Index m) {
      return Arena<Cpu>::rounded(static_cast<std::size_t>(m * L) * sizeof(float));
    };
    return cpu::product_workspace(threads) + bytes(x.size() / C) + bytes(rows.index.size()) +
           bytes(columns.index.size());
  }
  template <int C, int E, int L>
  static void run(Context<Cpu>& ctx, Plane<const float, C> x, ConstQueryAxis rows,
                  ConstQueryAxis columns, Rows<const float, E> encoded_rows,
                  Rows<const float, E> encoded_columns, const auto& head, Plane<float, L> u) {
    const auto& split =
        head.prepared.template get<cpu::SplitHead>(newest_stamp(head.weight, head.bias), [&] {
          const float* weight = head.matrix().data();  // (o, c): features, then x and y in turn
          constexpr int row = C + 2 * E;
          return cpu::SplitHead{
              cpu::pack(L, C, weight, head.bias.view().data(), {.row = row}),
              cpu::pack(L, E, weight, nullptr, {.row = row, .first = C + 1, .step = 2}),
              cpu::pack(L, E, weight, nullptr, {.row = row, .first = C, .step = 2})};
        });
    Scope scope(ctx);
    const auto table = [&](const cpu::PackedWeights& weights, const float* from, Index m, int k) {
      float* to = scope.template array<float>(m * L);
      cpu::product(ctx, {.data = from, .rows = m, .row_stride = k, .length = k}, weights.matrix(),
                   {.data = to, .row_stride = L, .bias = weights.bias.data()});
      return to;
    };
    const float* features = table(split.features, x.data(), x.size() / C, C);
    const float* down = table(split.rows, encoded_rows.data(), rows.index.size(), E);
    const float* across = table(split.columns, encoded_columns.data(), columns.index.size(), E);

    const Index source_width = x.template extent<'w'>(), width = u.template extent<'w'>();
    cpu::for_each_row(ctx, u.template extent<'h'>(), [&](Index h) {
      with_isa(ctx.isa(), [&](auto simd) {
        const float* line = features + rows.index(h) * source_width * L;
        for (Index w = 0; w < width; ++w)
          simd.relu_of_three(line + columns.index(w) * L, across + w * L, down + h * L, L,
                             u.data() + (h * width + w) * L);
      });
    });
  }
};

}  // namespace eqsr::inline EQSR_ABI
