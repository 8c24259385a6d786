// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>

#include <cstdlib>
#include <string>

namespace tool {

/// Restricts the kernels to the instruction set that the environment's EQSR_ISA names, if it does:
/// portable, avx2 or avx512. For comparisons. Throws `usage` if that is no such name, or not here.
inline void restrict_isa(eqsr::Context<eqsr::Cpu>& ctx) {
  const char* name = std::getenv("EQSR_ISA");
  if (name == nullptr || *name == '\0') return;
  try {
    ctx.use(eqsr::isa_called(name));
  } catch (const eqsr::Error& error) {
    throw eqsr::Error("usage", std::string("EQSR_ISA: ") + error.what());
  }
}

}  // namespace tool
