// SPDX-License-Identifier: Apache-2.0
#include <eqsr/eqsr.hpp>

#include <cstdio>

int main() {
  const eqsr::Size size = eqsr::resolve({.scale = 3.7}, 160, 240);
  std::printf("eqsr %d.%d.%d: 240 x 160 becomes %d x %d\n", EQSR_VERSION_MAJOR, EQSR_VERSION_MINOR,
              EQSR_VERSION_PATCH, size.width, size.height);
  return size == eqsr::Size{592, 888} ? 0 : 1;
}
