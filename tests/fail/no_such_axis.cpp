// expect: eqsr: this view has no axis of that letter.
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/core/view.hpp>

int main() {
  float pixel[3]{};
  return static_cast<int>(eqsr::Plane<float, 3>(pixel, 1, 1).extent<'q'>());
}
