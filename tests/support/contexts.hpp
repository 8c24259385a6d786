// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>  // Context<Cpu>, every kernel

#include "support/compare.hpp"

namespace eqsr_test {

/// Calls `compute(ctx)`, which returns floats, on the Reference and on the CPU with every
/// instruction set of this machine, with one and with three threads. The CPU must be near the
/// Reference, and its bits must not depend on the threads.
template <class F>
Closeness on_cpu(const F& compute, double tolerance = 2e-5) {
  eqsr::Context<eqsr::Reference> reference;
  const std::vector<float> truth = compute(reference);
  Closeness worst = near(truth, truth, tolerance);
  for (int isa = int(eqsr::lowest_isa); isa <= int(eqsr::best_isa()); ++isa) {
    INFO(eqsr::isa_name(eqsr::Isa(isa)));
    eqsr::Context<eqsr::Cpu> one(1), three(3);
    one.use(eqsr::Isa(isa));
    three.use(eqsr::Isa(isa));
    const std::vector<float> result = compute(one);
    const Closeness found = near(result, truth, tolerance);
    CHECK(found);
    worst = worse(worst, found);
    CHECK(same_bits(compute(three), result));
  }
  return worst;
}

}  // namespace eqsr_test

/// The contexts that every operator is tested on: TEST_CASE_TEMPLATE("...", Ctx, EQSR_CONTEXTS).
#define EQSR_CONTEXTS eqsr::Context<eqsr::Reference>, eqsr::Context<eqsr::Cpu>
