// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/exec.hpp>  // Exec

/// Coordinates: float32 in the order that layer/query_grid.hpp defines, each step rounded once.
namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// An n-grid of cell centres. The scalars are formed in double on the host and rounded once.
struct Cells {
  Index n;
  float first, step;  ///< fl(-1 + 1/n), fl(2/n)

  Cells() = default;
  explicit Cells(Index count)
      : n(count),
        first(static_cast<float>(-1.0 + 1.0 / double(count))),
        step(static_cast<float>(2.0 / double(count))) {}
};

template <class Exec>
EQSR_DEVICE float centre_of(Exec& exec, const Cells& cells, Index i) {
  return exec.add(cells.first, exec.mul(cells.step, static_cast<float>(i)));
}

/// The position on n cells, in cells: fl( fl( fl( fl(c + 1) n) - 1) / 2).
template <class Exec>
EQSR_DEVICE float source_position(Exec& exec, float centre, Index n) {
  const float scaled = exec.mul(exec.add(centre, 1.0f), static_cast<float>(n));
  return exec.div(exec.add(scaled, -1.0f), 2.0f);
}

template <class Exec>
EQSR_DEVICE Index nearest_of(Exec& exec, float centre, Index n) {
  const Index nearest = static_cast<Index>(exec.round_even(source_position(exec, centre, n)));
  return nearest < 0 ? 0 : nearest >= n ? n - 1 : nearest;
}

template <class Exec>
EQSR_DEVICE float offset_of(Exec& exec, float from, float to, Index n) {
  return exec.mul(exec.add(from, -to), static_cast<float>(n));
}

/// One axis of the query grid, one thread a target position.
struct QueryGridBody {
  static constexpr int max_threads = 128;
  struct Params {
    Cells source, target;
    std::int32_t* index;
    float *relative, *delta;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index i = Index{exec.block()} * max_threads + exec.thread();
    if (i >= p.target.n) return;
    const float centre = centre_of(exec, p.target, i);
    for (int t = 0; t < 3; ++t) {
      const Index me = i + t - 1;
      const bool outside = me < 0 || me >= p.target.n;
      const Index nearest =
          outside ? 0 : nearest_of(exec, centre_of(exec, p.target, me), p.source.n);
      const float source = centre_of(exec, p.source, nearest);
      exec.store(p.delta + 3 * i + t, outside ? 0.0f : offset_of(exec, source, centre, p.source.n));
      if (t != 1) continue;
      exec.store(p.index + i, static_cast<std::int32_t>(nearest));
      exec.store(p.relative + i, offset_of(exec, centre, source, p.source.n));
    }
  }
};

/// exp(-delta² / (2 lengthscale²)) of the three neighbours of each position of an axis.
struct AxisFactorBody {
  static constexpr int max_threads = 128;
  struct Params {
    const float *delta, *lengthscale;
    float* factor;
    Index count;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index i = Index{exec.block()} * max_threads + exec.thread();
    if (i >= p.count) return;
    const double delta = static_cast<double>(exec.load(p.delta + i));
    const double length = static_cast<double>(exec.load(p.lengthscale));
    exec.store(p.factor + i,
               static_cast<float>(exec.exp(-0.5 / (length * length) * delta * delta)));
  }
};

/// The distance factor of each pixel's neighbours, from those of its row and its column.
struct DistanceFactorBody {
  static constexpr int max_threads = 256;
  struct Params {
    const float *rows, *columns;  ///< (height, 3), (width, 3)
    float* g;
    Index height, width;
  };
  template <class Exec>
  static EQSR_DEVICE void run(Exec& exec, const Params& p) {
    const Index i = Index{exec.block()} * max_threads + exec.thread();
    if (i >= p.height * p.width * 9) return;
    const Index tap = i % 9, pixel = i / 9;
    exec.store(p.g + i, exec.load(p.rows + 3 * (pixel / p.width) + tap / 3) *
                            exec.load(p.columns + 3 * (pixel % p.width) + tap % 3));
  }
};

}}}  // namespace eqsr::EQSR_ABI::gpu
