// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"

using namespace eqsr_test;

namespace {
template <int C, int Hidden>
void compare_mlp(std::initializer_list<Index> sizes, bool residual) {
  CAPTURE(C);
  for (const Index m : sizes) {
    CAPTURE(m);
    const Map<C> x(m, 1, "mlp.input");
    const Map<C> r(m, 1, "mlp.residual");
    on_cuda([&]<class B>(eqsr::Context<B>& ctx, auto& arrays) {
      eqsr::Mlp<C, Hidden, MemoryOf<B>> layer;
      fill(layer, "mlp.");
      const auto y = arrays.copy(r);
      eqsr::Epilogue<C> epilogue;
      if (residual) epilogue.residual = eqsr::rows(y);
      layer.forward(ctx, arrays.in_rows(x), eqsr::rows(y), epilogue);
      return arrays.get(y);
    });
  }
}
}  // namespace

TEST_CASE("cuda mlp: the fused kernel agrees with the composition") {
  compare_mlp<24, 48>({1, 65}, true);
  compare_mlp<180, 360>({70}, true);
  compare_mlp<48, 96>({64}, false);
  compare_mlp<10, 21>({33}, true);
  compare_mlp<256, 512>({3}, false);
  compare_mlp<288, 70>({5}, true);  // too wide for one kernel
}

#if !defined(__CUDACC__)
TEST_CASE("cuda mlp: a device with little shared memory composes it, but for bf16") {
  CHECK(eqsr::gpu::MlpBody<Precision::bf16>::shared_bytes(256) < 80 * 1024);
  CHECK(eqsr::gpu::MlpBody<Precision::float32>::shared_bytes(256) > 99 * 1024);
  FakeCuda::instance().shared_limit = 99 * 1024;
  compare_mlp<256, 512>({3}, true);
  FakeCuda::instance().shared_limit = 227 * 1024;
}
#endif
