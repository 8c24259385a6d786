// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>     // for_each_parameter
#include <eqsr/io/state_dict.hpp>  // StateDict

#include <cmath>  // isfinite
#include <set>    // set

namespace eqsr::inline EQSR_ABI {

namespace detail {

/// Buffers of published checkpoints that follow from the configuration: accepted and ignored.
inline bool is_derived(std::string_view name) {
  return name.ends_with("relative_position_index_SA") ||
         name.ends_with("relative_position_index_OCA");
}

inline std::string shape_text(const auto& shape) {
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

/// Fills a module with the tensors of a dictionary whose names start with `prefix` (and a dot).
///
/// Every parameter must be there with its shape, finite and of a floating type, and nothing else
/// may be there except the derived index buffers. All missing, misshapen and unexpected names come
/// in one error, before anything is written: `missing_tensor`, `shape_mismatch` or
/// `unexpected_tensor`. Also thrown: `dtype_mismatch`, `nonfinite_weight`.
template <Module M>
void load_into(M& module, const StateDict& dict, const std::string& prefix = "") {
  const std::string start = prefix.empty() || prefix.ends_with('.') ? prefix : prefix + ".";
  detail::LoadReport report;
  std::set<std::string, std::less<>> wanted;
  for_each_parameter(std::as_const(module), [&](const std::string& name, const auto& tensor) {
    const std::string full = start + name;
    wanted.insert(full);
    const StoredTensor* stored = dict.find(full);
    if (!stored) {
      report.add(0, full);
      return;
    }
    const auto shape = shape_of(tensor);
    const bool scalar = tensor.size() == 1 && stored->numel() == 1;
    if (!scalar &&
        !std::equal(shape.begin(), shape.end(), stored->shape().begin(), stored->shape().end()))
      report.add(1, say(full, " (", detail::shape_text(stored->shape()), ", expected ",
                        detail::shape_text(shape), ")"));
  });
  for (const auto& [name, tensor] : dict)
    if (name.starts_with(start) && !wanted.contains(name) && !detail::is_derived(name))
      report.add(2, detail::in_quotes(name));
  report.expect_nothing(dict.source());

  for_each_parameter(std::as_const(module), [&](const std::string& name, const auto&) {
    const StoredTensor& stored = *dict.find(start + name);
    const auto bad = stored.first_nonfinite();
    EQSR_EXPECTS(!bad, "nonfinite_weight", dict.source(), ": element ", *bad, " of ", start + name,
                 " is NaN or infinite. The file is damaged or training diverged; use another one.");
  });
  for_each_parameter(module, [&](const std::string& name, auto& tensor) {
    const std::vector<float> values = dict.find(start + name)->to_float();
    tensor.copy_from_host(values.data());
  });
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

}  // namespace eqsr::inline EQSR_ABI
