// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/eigen.hpp>      // map
#include <eqsr/cpu/pack.hpp>       // for_each_row
#include <eqsr/layer/channel.hpp>  // op::ChannelMean

namespace eqsr::inline EQSR_ABI {

template <>
struct Kernel<op::ChannelMean, Cpu> {
  template <int C>
  static std::size_t workspace(int, Plane<const float, C> x, const auto&...) {
    return Arena<Cpu>::rounded(static_cast<std::size_t>(x.template extent<'h'>() * C) *
                               sizeof(double));
  }
  template <int C>
  static void run(Context<Cpu>& ctx, Plane<const float, C> x, Channels<float, C> y) {
    using Row = Eigen::Array<double, 1, C>;
    const Index height = x.template extent<'h'>(), width = x.template extent<'w'>();
    Scope scope(ctx);
    double* sums = scope.template array<double>(height * C);
    cpu::for_each_row(ctx, height, [&](Index h) {
      Eigen::Map<Row> sum(sums + h * C);
      sum.setZero();
      for (Index w = 0; w < width; ++w)
        sum += Eigen::Map<const Eigen::Array<float, 1, C>>(x.data() + (h * width + w) * C)
                   .template cast<double>();
    });
    Row total = Row::Zero();
    for (Index h = 0; h < height; ++h) total += Eigen::Map<const Row>(sums + h * C);
    const double pixels = double(height) * double(width);
    for (int c = 0; c < C; ++c) y(c) = static_cast<float>(total(c) / pixels);
  }
};

template <>
struct Kernel<op::ChannelScale, Cpu> {
  template <int C>
  static void run(Context<Cpu>& ctx, Rows<const float, C> x, Channels<const float, C> gate,
                  Rows<float, C> y, Rows<const float, C> residual) {
    constexpr Index group = 64;
    const Index count = x.template extent<'m'>();
    ctx.parallel_for((count + group - 1) / group, [&](Index block, int) {
      with_isa(ctx.isa(), [&](auto simd) {
        for (Index m = block * group; m < std::min(count, (block + 1) * group); ++m)
          simd.scale_row(x.data() + m * C, gate.data(),
                         residual.empty() ? nullptr : residual.data() + m * C, C, y.data() + m * C);
      });
    });
  }
};

template <>
struct Kernel<op::ChannelShift, Cpu> : Kernel<op::ChannelShift, Reference> {};

template <>
struct Kernel<op::ChannelFill, Cpu> : Kernel<op::ChannelFill, Reference> {};

}  // namespace eqsr::inline EQSR_ABI
