// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/channel.hpp>             // op::ChannelFill
#include <eqsr/layer/frequency_encoding.hpp>  // op::FrequencyEncoding

namespace eqsr { inline namespace EQSR_ABI {

/// The number t that conditions a trunk, as the style that its adaptive feature extractors take:
/// the frequency encoding of t.
/// Shapes    style (m = 1, c = 1 + 2F)
template <AnyContext C, int E>
void encode_condition(C& ctx, float t, Encoding encoding, Rows<float, E> style) {
  Scope scope(ctx);
  const Rows<float, 1> number(scope.template array<float>(1), 1);
  launch<op::ChannelFill>(ctx, std::array<float, 1>{t}, number);
  launch<op::FrequencyEncoding>(ctx, number.read(), encoding, style);
}

}}  // namespace eqsr::EQSR_ABI
