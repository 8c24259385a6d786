// expect: eqsr: errors are reported as exceptions. Remove -fno-exceptions
// errors: 2
// SPDX-License-Identifier: Apache-2.0
// flags: -fno-exceptions
#include <eqsr/eqsr.hpp>
