// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/context.hpp>
#include <eqsr/layer/squeeze_excitation.hpp>  // op::SqueezeExcitation

namespace eqsr { inline namespace EQSR_ABI {

/// A few thousand operations an image: the specification is fast enough.
template <>
struct Kernel<op::SqueezeExcitation, Cpu> : Kernel<op::SqueezeExcitation, Reference> {};

}}  // namespace eqsr::EQSR_ABI
