// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>             // for_each_parameter
#include <eqsr/io/weights/state_dict.hpp>  // StateDict

#include <algorithm>  // sort, binary_search

namespace eqsr { inline namespace EQSR_ABI {

namespace detail {

/// Buffers of published checkpoints that follow from the configuration: accepted and ignored.
inline bool is_derived(std::string_view name) {
  return name.ends_with("relative_position_index_SA") ||
         name.ends_with("relative_position_index_OCA");
}

inline std::string shape_text(const std::vector<Index>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += say(i ? ", " : "", shape[i]);
  return text + "]";
}

/// Collects what is wrong with a weight file; the first ten of each kind are named.
class LoadReport {
 public:
  void add(int kind, const std::string& item) {
    if (++count_[kind] <= 10) items_[kind] += (count_[kind] > 1 ? ", " : "") + item;
  }
  void expect_nothing(const std::string& source) const {
    static constexpr const char* code[] = {"missing_tensor", "shape_mismatch", "unexpected_tensor"};
    static constexpr const char* title[] = {"missing", "of another shape", "unexpected"};
    std::string text;
    const char* first = nullptr;
    for (int kind = 0; kind < 3; ++kind) {
      if (count_[kind] == 0) continue;
      if (!first) first = code[kind];
      text += say(" ", count_[kind], " ", title[kind], ": ", items_[kind],
                  count_[kind] > 10 ? ", ..." : "", ".");
    }
    EQSR_EXPECTS(!first, first, source.empty() ? "The dictionary" : source,
                 " does not hold the parameters of this network.", text,
                 " Load it with the configuration it was trained for; inspect_weights lists what "
                 "it holds.");
  }

 private:
  int count_[3] = {};
  std::string items_[3];
};

}  // namespace detail

namespace detail {

/// Throws unless the dictionary holds exactly these parameters under `start`, fit to be loaded.
[[gnu::cold, gnu::noinline]] inline void expect_loadable(const std::vector<Parameter>& wanted,
                                                         const StateDict& dict,
                                                         const std::string& start) {
  LoadReport report;
  std::vector<std::string_view> found;
  for (const auto& parameter : wanted) {
    const std::string name = start + parameter.name;
    const StoredTensor* stored = dict.find(name);
    if (!stored) {
      report.add(0, name);
      continue;
    }
    const bool scalar = parameter.size() == 1 && stored->numel() == 1;
    if (!scalar && !std::equal(parameter.shape.begin(), parameter.shape.end(),
                               stored->shape().begin(), stored->shape().end()))
      report.add(1, say(name, " (", shape_text(stored->shape()), ", expected ",
                        shape_text(parameter.shape), ")"));
    found.push_back(parameter.name);
  }
  std::sort(found.begin(), found.end());
  for (const auto& [name, tensor] : dict)
    if (name.starts_with(start) && !is_derived(name) &&
        !std::binary_search(found.begin(), found.end(),
                            std::string_view(name).substr(start.size())))
      report.add(2, in_quotes(name));
  report.expect_nothing(dict.source());

  for (const Parameter& parameter : wanted) {
    const std::string name = start + parameter.name;
    const StoredTensor& stored = *dict.find(name);
    EQSR_EXPECTS(
        is_floating(stored.dtype()), "dtype_mismatch", dict.source(), ": ", name, " holds ",
        name_of(stored.dtype()),
        " elements, but a parameter needs floats. Save the weights as float32 or float16.");
    if (const auto bad = stored.first_nonfinite())
      fail("nonfinite_weight",
           {dict.source(), ": element ", *bad, " of ", name,
            " is NaN or infinite. The file is damaged or training diverged; use another one."});
  }
}

[[gnu::cold, gnu::noinline]] inline void fill(const std::vector<Parameter>& parameters,
                                              const StateDict& dict, const std::string& prefix) {
  const std::string start = prefix.empty() || prefix.ends_with('.') ? prefix : prefix + ".";
  expect_loadable(parameters, dict, start);
  for (const Parameter& parameter : parameters) {
    const std::vector<float> values = dict.find(start + parameter.name)->to_float();
    parameter.from_host(parameter.data, values.data(), values.size() * sizeof(float));
  }
}

}  // namespace detail

/// Fills a module with the tensors of a dictionary whose names start with `prefix` (and a dot).
///
/// Every parameter must be there with its shape, finite and of a floating type, and nothing else
/// may be there except the derived index buffers. All missing, misshapen and unexpected names come
/// in one error, before anything is written: `missing_tensor`, `shape_mismatch` or
/// `unexpected_tensor`. Also thrown: `dtype_mismatch`, `nonfinite_weight`.
template <Module M>
void load_into(M& module, const StateDict& dict, const std::string& prefix = "") {
  detail::fill(parameters(module), dict, prefix);
}

/// The parameters of a module as a dictionary, to be written with write_safetensors.
template <Module M>
StateDict state_dict_of(const M& module) {
  StateDict dict;
  for_each_parameter(module, [&](const std::string& name, const auto& tensor) {
    std::vector<float> values(static_cast<std::size_t>(tensor.size()));
    tensor.copy_to_host(values.data());
    const auto shape = shape_of(tensor);
    dict.insert(name, StateDict::Shape(shape.begin(), shape.end()), values);
  });
  return dict;
}

}}  // namespace eqsr::EQSR_ABI
