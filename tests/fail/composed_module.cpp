// expect: eqsr: Composed: the backbone is no module. Give it a static visit(self, visitor)
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/eqsr.hpp>

struct Backbone {};

eqsr::Composed<Backbone, eqsr::KrigingUpsampler<32, eqsr::Cpu>> net;
