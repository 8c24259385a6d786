// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cpu/core/context.hpp>
#include <eqsr/layer/eca.hpp>  // op::Eca

namespace eqsr { inline namespace EQSR_ABI {

/// A few thousand operations an image: the specification is fast enough.
template <>
struct Kernel<op::Eca, Cpu> : Kernel<op::Eca, Reference> {};

}}  // namespace eqsr::EQSR_ABI
