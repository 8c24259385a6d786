// expect: eqsr: -ffast-math breaks the rounding that pretrained weights depend on.
// SPDX-License-Identifier: Apache-2.0
// flags: -ffast-math
// flags: -Ofast
// flags: -O2 -ffinite-math-only
#include <eqsr/core/version.hpp>
