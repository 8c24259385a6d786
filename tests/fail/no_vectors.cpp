// expect: eqsr: the hot loops are written with the vector extensions of GNU C
// errors: 2
// SPDX-License-Identifier: Apache-2.0
// flags: -U__GNUC__
#include <eqsr/eqsr.hpp>
