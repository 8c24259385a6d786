// expect: eqsr: AVX2 is switched on for a target that is not 64-bit x86
// errors: 2
// SPDX-License-Identifier: Apache-2.0
// flags: -U__x86_64__ -D__AVX2__ -D__FMA__
#include <eqsr/eqsr.hpp>
