// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/frequency_encoding.hpp>  // FrequencyEncodingBody
#include <eqsr/cuda/launch.hpp>                     // run_each

namespace eqsr { inline namespace EQSR_ABI {

template <>
struct Kernel<op::FrequencyEncoding, Cuda> {
  template <int K, int E>
  static void run(Context<Cuda>& ctx, Rows<const float, K> x, Encoding policy, Rows<float, E> y) {
    static_assert(E % K == 0 && (E / K) % 2 == 1,
                  "eqsr: FrequencyEncoding: k numbers have k (1 + 2F) encoded values.");
    constexpr int frequencies = (E / K - 1) / 2;
    const Index rows = extent<'m'>(x);
    gpu::run_each<gpu::FrequencyEncodingBody>(ctx, rows * K * (frequencies + 1),
                                              {.x = x.data(),
                                               .y = y.data(),
                                               .rows = rows,
                                               .numbers = K,
                                               .frequencies = frequencies,
                                               .policy = policy});
  }
};

}}  // namespace eqsr::EQSR_ABI
