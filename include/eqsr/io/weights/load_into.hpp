// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>             // for_each_parameter
#include <eqsr/io/weights/state_dict.hpp>  // StateDict

#include <algorithm>    // all_of, count_if, equal
#include <cmath>        // fpclassify
#include <cstddef>      // ptrdiff_t
#include <iterator>     // ssize
#include <string>       // string
#include <string_view>  // string_view
#include <vector>       // vector

namespace eqsr { inline namespace EQSR_ABI {

/// Buffers of published checkpoints that follow from the configuration: accepted and ignored.
inline bool is_derived_buffer(std::string_view name) {
  return name.ends_with("relative_position_index_SA") ||
         name.ends_with("relative_position_index_OCA");
}

namespace detail {

template <class Extent>
std::string shape_text(const std::vector<Extent>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += say(i ? ", " : "", shape[i]);
  return text += ']';
}

/// `-00001-of-00003` in the name of a file: it is the first of three shards.
[[gnu::cold]] inline std::string shard_text(const std::string& path) {
  const std::size_t at = path.rfind("-of-");
  const auto digits = [&](std::size_t from, std::size_t to) {
    return from < to && std::all_of(path.begin() + static_cast<std::ptrdiff_t>(from),
                                    path.begin() + static_cast<std::ptrdiff_t>(to),
                                    [](char c) { return c >= '0' && c <= '9'; });
  };
  if (at == std::string::npos) return {};
  const std::size_t dash = path.rfind('-', at - (at > 0 ? 1 : 0));
  const std::size_t end = (std::min)(path.find('.', at), path.size());
  if (dash == std::string::npos || !digits(dash + 1, at) || !digits(at + 4, end)) return {};
  return say(path.substr(dash + 1, at - dash - 1), " of ", path.substr(at + 4, end - at - 4));
}

/// Collects what is wrong with a weight file; the first ten of each kind are named.
class LoadReport {
 public:
  [[gnu::cold]] void add(int kind, const std::string& item) {
    if (++count_[kind] <= 10) items_[kind] += say(count_[kind] > 1 ? ", " : "", item);
  }
  [[gnu::cold]] void expect_nothing(const StateDict& dict) const {
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
    EQSR_EXPECTS(!first, first, dict.source().empty() ? "The dictionary" : dict.source(),
                 " does not hold the parameters of this network.", text, remedy(dict));
  }

 private:
  [[nodiscard]] std::string remedy(const StateDict& dict) const {
    const std::string shard = shard_text(dict.source());
    if (count_[0] > 0 && !shard.empty())
      return say(" By its name it is one shard, ", shard,
                 ": join the shards first, load each in Python and save one dictionary with all "
                 "their tensors.");
    if (count_[0] > 10 && count_[1] == 0 && count_[2] == 0)
      return " If the weights were split over several files, join these first; else load it with "
             "the configuration it was trained for.";
    return " Load it with the configuration it was trained for; inspect_weights lists what it "
           "holds.";
  }
  int count_[3] = {};
  std::string items_[3];
};

/// What stands in front of names in a dictionary.
struct Prefix {
  std::string text;
  std::string other;  ///< fits as well as `text`, if it is not empty
};

/// The prefix under which most of the names `wanted` are in a dictionary, whatever it is called;
/// none if as many are there without one. A prefix that does not end in a dot must fit all.
[[gnu::cold, gnu::noinline]] inline Prefix find_prefix(const StateDict& dict,
                                                       const std::vector<std::string>& wanted) {
  const auto found = [&](const std::string& prefix) {
    return std::count_if(wanted.begin(), wanted.end(),
                         [&](const std::string& name) { return dict.contains(say(prefix, name)); });
  };
  Prefix best;
  std::ptrdiff_t most = found("");
  if (most == std::ssize(wanted)) return best;
  // Candidates come from a few names of all places, since some may be missing.
  const std::size_t anchors = (std::min)(std::size_t{16}, wanted.size());
  constexpr std::size_t most_candidates = 64;
  std::vector<std::string> candidates;
  for (std::size_t i = 0; i < anchors; ++i) {
    const std::string& anchor = wanted[i * wanted.size() / anchors];
    for (const auto& [name, tensor] : dict) {
      if (candidates.size() == most_candidates) break;
      if (name.size() == anchor.size() || !name.ends_with(anchor)) continue;
      const std::string prefix = name.substr(0, name.size() - anchor.size());
      if (std::find(candidates.begin(), candidates.end(), prefix) == candidates.end())
        candidates.push_back(prefix);
    }
  }
  for (const std::string& prefix : candidates) {
    const std::ptrdiff_t count = found(prefix);
    if (count < most || (!prefix.ends_with('.') && count < std::ssize(wanted))) continue;
    if (count > most)
      best = {prefix, {}};
    else if (!best.text.empty())
      best.other = prefix;
    most = count;
  }
  return best;
}

/// Throws unless the dictionary holds exactly these parameters under `start`, fit to be loaded.
/// With `alone` nothing may be there under another start either.
[[gnu::cold, gnu::noinline]] inline void expect_loadable(const std::vector<Parameter>& wanted,
                                                         const StateDict& dict,
                                                         const std::string& start, bool alone) {
  LoadReport report;
  NameIndex found;
  for (const auto& parameter : wanted) {
    const std::string name = say(start, parameter.name);
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
    found.emplace(parameter.name, 0);
  }
  for (const auto& [name, tensor] : dict) {
    const bool inside = name.starts_with(start);
    const bool known = inside && found.contains(std::string_view(name).substr(start.size()));
    if (!known && !is_derived_buffer(name) && (inside || alone)) report.add(2, in_quotes(name));
  }
  report.expect_nothing(dict);

  for (const Parameter& parameter : wanted) {
    const std::string name = say(start, parameter.name);
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

/// What was noticed about a dictionary that is loaded, a sentence each.
[[gnu::cold, gnu::noinline]] inline std::vector<std::string> notes_of(const StateDict& dict,
                                                                      const std::string& prefix,
                                                                      std::size_t subnormal) {
  std::vector<std::string> notes;
  const std::string file = say(dict.source(), dict.source().empty() ? "" : ": ");
  if (!prefix.empty())
    notes.push_back(say(file, "All names begin with ", in_quotes(prefix), "; it was removed."));
  if (!dict.dropped().empty()) {
    std::string names;
    for (std::size_t i = 0; i < (std::min)(dict.dropped().size(), std::size_t{10}); ++i)
      names += say(i ? ", " : "", in_quotes(dict.dropped()[i]));
    notes.push_back(say(file, "Beside the weights the file holds ", dict.dropped().size(),
                        " things that are left out: ", names,
                        dict.dropped().size() > 10 ? ", ..." : "", "."));
  }
  if (subnormal > 0)
    notes.push_back(
        say(file, subnormal, " numbers are subnormal, smaller than 1.2e-38; they count as zero."));
  return notes;
}

[[gnu::cold, gnu::noinline]] inline std::vector<std::string> fill(
    const std::vector<Parameter>& parameters, const StateDict& dict, const std::string& prefix) {
  std::string start = say(prefix, prefix.empty() || prefix.ends_with('.') ? "" : ".");
  if (prefix.empty()) {
    std::vector<std::string> wanted;
    for (const Parameter& parameter : parameters) wanted.push_back(parameter.name);
    const Prefix found = find_prefix(dict, wanted);
    EQSR_EXPECTS(found.other.empty(), "ambiguous_model",
                 dict.source().empty() ? "The dictionary" : dict.source(),
                 " holds these parameters under several prefixes, such as ", in_quotes(found.text),
                 " and ", in_quotes(found.other),
                 ". Give the one that is meant to load_into, or save these tensors alone.");
    start = found.text;
  }
  expect_loadable(parameters, dict, start, prefix.empty());
  std::size_t subnormal = 0;
  for (const Parameter& parameter : parameters) {
    const std::vector<float> values = dict.find(say(start, parameter.name))->to_float();
    for (const float value : values) subnormal += std::fpclassify(value) == FP_SUBNORMAL;
    parameter.from_host(parameter.data, values.data(), values.size() * sizeof(float));
  }
  return notes_of(dict, say(dict.prefix(), prefix.empty() ? start : std::string()), subnormal);
}

}  // namespace detail

/// What stands before names in a dictionary, such as "net_g.": the prefix under which most of the
/// names are there; empty if as many are there without one.
inline std::string prefix_of(const StateDict& dict, const std::vector<std::string>& names) {
  return detail::find_prefix(dict, names).text;
}

/// Fills a module with the tensors of a dictionary whose names start with `prefix` (and a dot). If
/// no prefix is given and no name is there as it is, one that all names have in common is removed,
/// whatever it is called.
///
/// Every parameter must be there with its shape, finite and of a floating type, and nothing else
/// may be there except the derived index buffers. All missing, misshapen and unexpected names come
/// in one error, before anything is written: `missing_tensor`, `shape_mismatch` or
/// `unexpected_tensor`. Also thrown: `dtype_mismatch`, `nonfinite_weight`. What was noticed beside
/// comes back as sentences: a prefix that was removed, what lay beside the tensors, and how many
/// numbers are subnormal; kernels count these as zero.
template <Module M>
std::vector<std::string> load_into(M& module, const StateDict& dict,
                                   const std::string& prefix = "") {
  return detail::fill(parameters(module), dict, prefix);
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
