// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

namespace eqsr { inline namespace EQSR_ABI {

/// What stands between the kernels and their hot loops and tasks: nothing. A program that asks
/// where the time goes specialises it for `Cpu` before it includes a kernel:
/// bench/net/breakdown.cpp.
template <class Backend>
struct Observer {
  /// The hot loops that the kernels call, for those of an instruction set.
  template <class Simd>
  using Loops = Simd;
  /// The task that a parallel loop calls.
  template <class Task>
  static const Task& task(const Task& task) {
    return task;
  }
};

}}  // namespace eqsr::EQSR_ABI
