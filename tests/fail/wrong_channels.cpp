// expect: const eqsr::Rows<float, 48> other = rows;
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/core/view.hpp>

int main() {
  float values[64]{};
  const eqsr::Rows<float, 64> rows(values, 1);
  const eqsr::Rows<float, 48> other = rows;  // another number of channels does not convert
  return static_cast<int>(other.size());
}
