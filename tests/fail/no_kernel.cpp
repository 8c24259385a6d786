// expect: eqsr: no kernel for this operator on this backend. Include the backend
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/core/context.hpp>

struct Unknown {};

int main() {
  eqsr::Context<eqsr::Reference> ctx;
  eqsr::launch<Unknown>(ctx);
}
