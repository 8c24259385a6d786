// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/net/config.hpp>  // Config

namespace eqsr { inline namespace EQSR_ABI {

/// The small network of the golden files.
inline constexpr Config tiny{.channels = 24, .depths = {3, 2}, .heads = 2, .window = 8};

}}  // namespace eqsr::EQSR_ABI
