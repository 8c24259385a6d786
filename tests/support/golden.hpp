// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/weights/state_dict.hpp>     // StateDict
#include <eqsr/layer/frequency_encoding.hpp>  // FrequencyEncoding

#include "support/compare.hpp"
#include "support/module.hpp"

#include <cstdlib>  // strtod

#ifndef EQSR_TEST_DATA
#error "Define EQSR_TEST_DATA as the path of the folder that holds golden/."
#endif

namespace eqsr_test {

/// A file of tests/golden: `Golden("ops/ocab")`. Results were computed in double.
class Golden {
 public:
  explicit Golden(const std::string& name)
      : dict_(eqsr::StateDict::open(EQSR_TEST_DATA "/golden/" + name + ".safetensors")) {}

  [[nodiscard]] const std::string& text(const std::string& key) const {
    return dict_.metadata().at(key);
  }
  [[nodiscard]] double number(const std::string& key) const {
    return std::strtod(text(key).c_str(), nullptr);
  }
  /// The numbers of an entry such as `[20, 28]`.
  [[nodiscard]] std::vector<Index> numbers(const std::string& key) const {
    std::vector<Index> values;
    const std::string& list = text(key);
    for (std::size_t i = 0; i < list.size();) {
      if (list[i] < '0' || list[i] > '9') {
        ++i;
        continue;
      }
      std::size_t digits = 0;
      values.push_back(std::stol(list.substr(i), &digits));
      i += digits;
    }
    return values;
  }
  [[nodiscard]] const eqsr::StoredTensor& tensor(const std::string& name) const {
    return dict_.at(name);
  }
  /// A tensor [1, tokens, channels] as it is.
  [[nodiscard]] std::vector<float> tokens(const std::string& name = "output") const {
    return dict_.at(name).to_float();
  }
  /// A tensor [1, channels, rows, columns], channels last.
  [[nodiscard]] std::vector<float> plane(const std::string& name = "output") const {
    const auto& stored = dict_.at(name);
    return channels_last(stored.to_float(), static_cast<std::size_t>(stored.shape().at(1)));
  }

 private:
  eqsr::StateDict dict_;
};

/// The style of a golden file that has a `target_height`.
inline Map<81> golden_style(const Golden& golden) {
  const Map<1> t(1, 1, {static_cast<float>(2 / golden.number("target_height"))});
  Map<81> style(1, 1);
  eqsr::Context<eqsr::Reference> ctx;
  eqsr::launch<eqsr::op::FrequencyEncoding>(ctx, t.in_rows(), eqsr::Encoding::division,
                                            style.out_rows());
  return style;
}

/// Operators against their golden files: float32 arithmetic on values of order one.
inline constexpr double operator_tolerance = 2e-5;

}  // namespace eqsr_test
