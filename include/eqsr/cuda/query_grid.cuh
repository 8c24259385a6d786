// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/query_grid.hpp>  // QueryGridBody
#include <eqsr/cuda/launch.hpp>             // run_each
#include <eqsr/layer/query_grid.hpp>        // op::QueryGrid

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::QueryGrid, Cuda> {
  static void run(Context<Cuda>& ctx, Index n, QueryAxis axis) {
    const Index N = axis.index.size();
    gpu::run_each<gpu::QueryGridBody>(
        ctx, N,
        {gpu::Cells(n), gpu::Cells(N), axis.index.data(), axis.relative.data(), axis.delta.data()});
  }
};

namespace gpu {

inline void axis_factors(Context<Cuda>& ctx, ConstQueryAxis axis, const float* lengthscale,
                         float* factor) {
  const Index count = axis.delta.size();
  run_each<AxisFactorBody>(
      ctx, count,
      {.delta = axis.delta.data(), .lengthscale = lengthscale, .factor = factor, .count = count});
}

}  // namespace gpu

template <>
struct Kernel<op::DistanceFactor, Cuda> {
  struct Scratch {
    float *down, *across;  ///< the factors of each axis
  };
  static Scratch scratch(auto& memory, ConstQueryAxis rows, ConstQueryAxis columns,
                         const auto&...) {
    return {memory.floats(rows.delta.size()), memory.floats(columns.delta.size())};
  }
  static void run(Context<Cuda>& ctx, const Scratch& scratch, ConstQueryAxis rows,
                  ConstQueryAxis columns, const auto& lengthscale, Plane<float, 9> g) {
    gpu::axis_factors(ctx, rows, lengthscale.data(), scratch.down);
    gpu::axis_factors(ctx, columns, lengthscale.data(), scratch.across);
    gpu::run_each<gpu::DistanceFactorBody>(ctx, g.size(),
                                           {.rows = scratch.down,
                                            .columns = scratch.across,
                                            .g = g.data(),
                                            .height = g.extent<'h'>(),
                                            .width = g.extent<'w'>()});
  }
};

}}  // namespace eqsr::EQSR_ABI
