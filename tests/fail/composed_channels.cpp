// expect: eqsr: Composed: the backbone's output is not the upsampler's input.
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/eqsr.hpp>

using eqsr::Cpu;

eqsr::Composed<eqsr::Conv2d<3, 24, 3, Cpu>, eqsr::KrigingUpsampler<32, Cpu>> net;
