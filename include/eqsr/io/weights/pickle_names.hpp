// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The few names a PyTorch pickle may mention, and what each does here: plain bookkeeping.

#include <eqsr/io/weights/pickle_values.hpp>

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

inline void Pickle::find_name(std::string_view module, std::string_view name) {
  std::optional<std::int64_t> found;
  bool known = false;  // known, but nothing this library can use
  if (module == "torch._utils") {
    if (name == "_rebuild_tensor_v2") found = rebuild_tensor;
    if (name == "_rebuild_tensor" && older_stream_) found = rebuild_old_tensor;
    if (name == "_rebuild_parameter") found = rebuild_parameter;
    for (const std::string_view other :
         {"_rebuild_tensor_v3", "_rebuild_qtensor", "_rebuild_sparse_tensor",
          "_rebuild_sparse_csr_tensor", "_rebuild_meta_tensor_no_storage",
          "_rebuild_nested_tensor"}) {
      known = known || name == other;
    }
  } else if (module == "torch.nn.parameter") {
    if (name == "Parameter" && older_stream_) found = make_parameter;
  } else if (module == "collections") {
    if (name == "OrderedDict") found = make_ordered_dict;
  } else if (module == "torch") {
    if (const auto dtype = find_dtype(&DtypeRow::storage, name)) {
      found = std::int64_t{first_storage} + static_cast<std::int64_t>(*dtype);
    }
    for (const std::string_view other :
         {"ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage", "QUInt8Storage",
          "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage"}) {
      known = known || name == other;
    }
  } else if (module == "torch.storage") {
    known = name == "UntypedStorage";
  }
  const std::string full = in_quotes(std::string(module) + " " + std::string(name));
  if (known) {
    fail("unsupported_dtype", {"The file holds a quantised, sparse, complex or meta tensor (", full,
                               "); plain tensors are expected."});
  }
  if (!found) {
    fail("forbidden_global", {"The file refers to ", full,
                              ", which is no part of a dictionary of tensors. Nothing was "
                              "executed; ask whoever made the "
                              "file for a plain state dict or a safetensors file."});
  }
  push(V::name, *found);
}

inline void Pickle::reduce() {
  const V arguments = pop();
  const V name = pop();
  if (name.kind != V::name || name.value >= first_storage || arguments.kind != V::tuple) {
    fail("bad_pickle", {"Only tensors, parameters and an empty OrderedDict can be made."});
  }
  const std::vector<V> list(items(arguments).begin(), items(arguments).end());
  const auto no_hooks = [&](V hooks) {
    const bool none = hooks.kind == V::ordered_dict ? items(hooks).empty()
                                                    : older_stream_ && hooks.kind == V::none;
    if (!none) fail("bad_pickle", {"A tensor comes with hooks."});
  };
  if (name.value == make_ordered_dict) {
    // Python 2 wrote one as a list of pairs.
    const bool pairs = older_stream_ && list.size() == 1 && list[0].kind == V::list;
    if (!list.empty() && !pairs) fail("bad_pickle", {"An OrderedDict must be made empty."});
    std::vector<V> members;
    for (const V pair : pairs ? items(list[0]) : std::span<const V>{}) {
      if (pair.kind != V::list || items(pair).size() != 2) {
        fail("bad_pickle", {"An OrderedDict is made of something else than pairs."});
      }
      members.insert(members.end(), items(pair).begin(), items(pair).end());
    }
    push_container(V::ordered_dict);
    set_items(members);
  } else if (name.value == rebuild_parameter) {
    if (list.size() != 3 || list[0].kind != V::tensor || list[1].kind != V::boolean) {
      fail("bad_pickle", {"A parameter is made of a tensor, a flag and hooks."});
    }
    no_hooks(list[2]);
    push(list[0]);
  } else if (name.value == make_parameter) {
    if (list.empty() || list.size() > 2 || list[0].kind != V::tensor ||
        (list.size() == 2 && list[1].kind != V::boolean)) {
      fail("bad_pickle", {"A parameter is made of a tensor and a flag."});
    }
    push(V{.kind = V::tensor, .size = 1, .value = list[0].value});
  } else {
    const bool old = name.value == rebuild_old_tensor;
    if (list.size() != (old ? 4 : 6) || list[0].kind != V::storage || list[1].kind != V::integer ||
        list[2].kind != V::tuple || list[3].kind != V::tuple) {
      fail("bad_pickle", {"A tensor is made of a storage, offset, size, stride, flag and hooks."});
    }
    if (!old) {
      if (list[4].kind != V::boolean) fail("bad_pickle", {"The flag of a tensor is no boolean."});
      no_hooks(list[5]);
    }
    make_tensor(list);
  }
}

/// BUILD gives an OrderedDict attributes (a module's `_metadata`), or a parameter of the oldest
/// files its flags and hooks; they are of no use here.
inline void Pickle::build() {
  const V state = pop();
  if (top().kind == V::tensor && top().size == 1) {
    const auto flags = state.kind == V::tuple ? items(state) : std::span<const V>{};
    if (flags.size() != 3 || flags[0].kind != V::boolean || flags[1].kind != V::boolean ||
        flags[2].kind != V::ordered_dict || !items(flags[2]).empty()) {
      fail("bad_pickle", {"A parameter gets other attributes than two flags and no hooks."});
    }
    top().size = 0;
    return;
  }
  if (!state.is_dict())
    fail("bad_pickle", {"An OrderedDict gets attributes that are no dictionary."});
  if (top().kind != V::ordered_dict) fail("bad_pickle", {"Only an OrderedDict has attributes."});
}

inline void Pickle::make_tensor(std::span<const V> arguments) {
  PickleTensor tensor;
  tensor.storage = arguments[0].index();
  const PickleStorage& storage = storages_[tensor.storage];
  const auto sizes = items(arguments[2]);
  const auto strides = items(arguments[3]);
  if (sizes.size() != strides.size()) {
    fail("bad_pickle",
         {"A tensor has ", sizes.size(), " sizes, but ", strides.size(), " strides."});
  }
  if (sizes.size() > max_rank) {
    fail("rank_limit",
         {"A tensor has ", sizes.size(), " dimensions; at most ", max_rank, " are possible."});
  }
  const auto natural = [&](V v, const char* what) {
    if (v.kind != V::integer)
      fail("bad_pickle", {"The ", what, " of a tensor is no whole number."});
    if (v.value < 0) fail("bad_number", {"The ", what, " of a tensor is ", v.value, "."});
    return v.value;
  };
  tensor.offset = static_cast<std::uint64_t>(natural(arguments[1], "offset"));
  for (const V size : sizes) tensor.shape.push_back(natural(size, "size"));
  for (const V stride : strides) tensor.strides.push_back(natural(stride, "stride"));
  const auto numel = count_elements(tensor.shape);
  if (!numel) fail("overflow", {"The sizes of a tensor multiply to more than 64 bits."});
  // A stride of zero repeats elements: legal, but not as a way to make much out of little.
  if (*numel > storage.numel) {
    fail("out_of_range", {"A tensor has ", *numel, " elements, but its storage ",
                          in_quotes(storage.key), " only ", storage.numel, "."});
  }
  std::uint64_t last = tensor.offset;
  bool fits = true;
  for (std::size_t i = 0; i < tensor.shape.size() && *numel != 0; ++i) {
    std::uint64_t reach = 0;
    fits = fits &&
           checked_mul(static_cast<std::uint64_t>(tensor.shape[i] - 1),
                       static_cast<std::uint64_t>(tensor.strides[i]), reach) &&
           checked_add(last, reach, last);
  }
  if (!fits || (*numel != 0 ? last >= storage.numel : tensor.offset > storage.numel)) {
    fail("out_of_range", {"A tensor reaches beyond the ", storage.numel,
                          " elements of its storage ", in_quotes(storage.key), "."});
  }
  tensors_.push_back(std::move(tensor));
  push(V::tensor, static_cast<std::int64_t>(tensors_.size() - 1));
}

inline void Pickle::make_storage(V id) {
  const auto fields = id.kind == V::tuple ? items(id) : std::span<const V>{};
  const bool counted =
      fields.size() == 5 || (older_stream_ && fields.size() == 6 && fields[5].kind == V::none);
  if (!counted || fields[0].kind != V::text || text(fields[0]) != "storage" ||
      fields[1].kind != V::name || fields[1].value < first_storage || fields[2].kind != V::text ||
      fields[3].kind != V::text || fields[4].kind != V::integer) {
    fail("bad_pickle",
         {"A persistent value is not (\"storage\", type, key, device, number of elements)."});
  }
  const std::string_view key = text(fields[2]);
  const bool digits = key.find_first_not_of("0123456789") == std::string_view::npos;
  if (key.empty() || key.size() > 20 || !digits) {
    fail("bad_name", {"The storage key ", in_quotes(key), " is not a number."});
  }
  const auto dtype = static_cast<Dtype>(fields[1].value - first_storage);
  if (fields[4].value < 0) {
    fail("bad_number", {"The storage ", in_quotes(key), " has ", fields[4].value, " elements."});
  }
  const auto numel = static_cast<std::uint64_t>(fields[4].value);
  if (numel > (std::numeric_limits<std::uint64_t>::max)() / 8) {
    fail("overflow", {"The storage ", in_quotes(key), " has ", numel, " elements."});
  }
  const auto [found, fresh] = storage_index_.emplace(std::string(key), storages_.size());
  if (fresh) {
    storages_.push_back({std::string(key), dtype, numel});
  } else if (storages_[found->second].dtype != dtype || storages_[found->second].numel != numel) {
    fail("type_conflict", {"The storage ", in_quotes(key), " is used with two types or sizes."});
  }
  push(V::storage, static_cast<std::int64_t>(found->second));
}

}}}  // namespace eqsr::EQSR_ABI::detail
