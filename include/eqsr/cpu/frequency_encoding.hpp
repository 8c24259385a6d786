// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/rows.hpp>             // for_each_row
#include <eqsr/layer/frequency_encoding.hpp>  // op::FrequencyEncoding

namespace eqsr { inline namespace EQSR_ABI {

/// The specification, row by row: the argument's rounding is the definition, and the double sine
/// has the full range reduction that it needs. Rows and columns are encoded once an image.
template <>
struct Kernel<op::FrequencyEncoding, Cpu> {
  template <int K, int E>
  static void run(Context<Cpu>& ctx, Rows<const float, K> x, Encoding policy, Rows<float, E> y) {
    cpu::for_each_row(ctx, extent<'m'>(x), [&](Index m, int) {
      Kernel<op::FrequencyEncoding, Reference>::run(ctx, Rows<const float, K>(x.data() + m * K, 1),
                                                    policy, Rows<float, E>(y.data() + m * E, 1));
    });
  }
};

}}  // namespace eqsr::EQSR_ABI
