// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the hot loops ask of a compiler. It includes nothing and stands first where they are
/// included, since the hundreds of errors of another compiler would bury the sentence.
#if !defined(__GNUC__) && !defined(__clang__)
#error \
    "eqsr: the hot loops are written with the vector extensions of GNU C, which this compiler has \
not. Compile with g++ or clang++, on Windows with clang-cl or MinGW's g++; or let one of them \
build the library eqsr::lite_cpu, and include <eqsr/lite_cpu.hpp> here, which has no hot loops."
#include <stop_here>
#endif
