// expect: eqsr: these headers need C++20. Compile with -std=c++20
// errors: 2
// SPDX-License-Identifier: Apache-2.0
// flags: -std=c++17
// flags: -std=gnu++17
// flags: -std=c++14
#include <eqsr/eqsr.hpp>
