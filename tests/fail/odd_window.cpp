// expect: eqsr::Config: window must be even
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/net/config.hpp>

inline constexpr eqsr::Config mine{.window = 7, .overlap_ratio = 0};

int main() { eqsr::check_config<mine>(); }
