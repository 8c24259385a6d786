// expect: eqsr::Config: channels must be a multiple of heads. Change channels or heads.
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/net/config.hpp>

inline constexpr eqsr::Config mine{.channels = 100, .heads = 6};

int main() { eqsr::check_config<mine>(); }
