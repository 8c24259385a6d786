// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/context.hpp>  // Context<Cuda>
#include <eqsr/cuda/kernel/exec.hpp>

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// What the runtime calls to run a body: a __global__ function (device.cuh), or the emulation's.
template <class Body>
const void* entry();

/// Runs a body on x * y blocks of `threads` threads.
template <class Body>
void run(Context<Cuda>& ctx, Index x, Index y, int threads, int shared_bytes,
         typename Body::Params params) {
  ctx.launch(entry<Body>(), x, y, threads, shared_bytes, &params);
}

/// Runs a body with one thread an element.
template <class Body>
void run_each(Context<Cuda>& ctx, Index count, typename Body::Params params) {
  run<Body>(ctx, ceil_div(count, Body::max_threads), 1, Body::max_threads, 0, params);
}

/// Runs a body with one warp a row.
template <class Body>
void run_rows(Context<Cuda>& ctx, Index rows, typename Body::Params params) {
  run<Body>(ctx, ceil_div(rows, Body::max_threads / 32), 1, Body::max_threads, 0, params);
}

/// Calls `f` with a mode's precision as a constant.
template <class F>
decltype(auto) with_precision(Precision precision, F&& f) {
  if (precision == Precision::float32) return f.template operator()<Precision::float32>();
  if (precision == Precision::bf16) return f.template operator()<Precision::bf16>();
  return f.template operator()<Precision::bf16x3>();
}
/// The same with the finer step of bf16x3 as a precision of its own.
template <class F>
decltype(auto) with_exact_precision(Precision precision, F&& f) {
  if (precision == bf16x6) return f.template operator()<bf16x6>();
  return with_precision(precision, f);
}

}}}  // namespace eqsr::EQSR_ABI::gpu
