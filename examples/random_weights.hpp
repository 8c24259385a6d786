// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>

#include <cmath>
#include <random>
#include <vector>

/// Fills the parameters of a module with small random numbers, gains with one: the examples show
/// how parts fit together, not what they have learnt.
template <eqsr::Module M>
void fill_with_random_weights(M& module, float spread = 0.1f) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, spread);
  eqsr::for_each_parameter(module, [&](const std::string& name, auto& tensor) {
    const bool gain = name.find("norm") != std::string::npos && name.ends_with("weight");
    std::vector<float> values(std::size_t(tensor.size()));
    for (float& value : values) value = gain ? 1.0f : normal(random);
    tensor.copy_from_host(values.data());
  });
}
