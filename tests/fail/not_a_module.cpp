// expect: eqsr: visit() was given something that is no tensor, module or list of modules.
// SPDX-License-Identifier: Apache-2.0
#include <eqsr/core/layer.hpp>

struct Gain {
  float gain = 1;
  static void visit(auto& self, auto&& v) { v("gain", self.gain); }
};

int main() {
  Gain gain;
  eqsr::for_each_parameter(gain, [](const std::string&, auto&) {});
}
