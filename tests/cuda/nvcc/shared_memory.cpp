// SPDX-License-Identifier: Apache-2.0
// Prints the shared memory of a block of each large kernel, for the published network.
#include <eqsr/cuda/kernel/attention.hpp>
#include <eqsr/cuda/kernel/kriging_block.hpp>
#include <eqsr/cuda/kernel/mlp.hpp>

#include <cstdio>

using eqsr::Precision;
namespace gpu = eqsr::gpu;

template <Precision P>
void print(const char* precision) {
  const auto line = [&](const char* name, int bytes) {
    std::printf("%s %s %d\n", name, precision, bytes);
  };
  using Gemm = gpu::GemmBody<P>;
  line("GemmBody", Gemm::shared_bytes(Gemm::shared_bytes(3) <= 99 * 1024 ? 3 : 2));
  if constexpr (P != gpu::bf16x6) {
    using Attention = gpu::AttentionBody<P, 32>;
    line("AttentionBody", typename Attention::Layout(Attention::bias_size(16, 24)).end);
    using WideAttention = gpu::AttentionBody<P, 64>;
    line("AttentionBody", typename WideAttention::Layout(WideAttention::bias_size(16, 24)).end);
    line("KrigingBlockBody", typename gpu::KrigingBlockBody<P>::Layout(256).end);
    line("MlpBody", gpu::MlpBody<P>::shared_bytes(256));
    line("MlpBody", gpu::MlpBody<P>::shared_bytes(180));
  }
}

int main() {
  print<Precision::float32>("float32");
  print<Precision::bf16x3>("bf16x3");
  print<Precision::bf16>("bf16");
  print<gpu::bf16x6>("bf16x6");
}
