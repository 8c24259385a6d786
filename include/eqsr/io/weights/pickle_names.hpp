// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The few names a PyTorch pickle may mention, and what each does here: plain bookkeeping.

#include <eqsr/io/weights/pickle_values.hpp>

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// What torch.load(weights_only=True) accepts beside tensors, and the scalars of NumPy, a name a
/// line. Nothing of it is made here: whatever the arguments, the result is an opaque value.
inline constexpr std::string_view harmless_names = R"(
collections Counter
torch Size
torch Tensor
torch device
torch.serialization _get_layout
_codecs encode
__builtin__ bytearray
__builtin__ complex
__builtin__ set
builtins bytearray
builtins complex
builtins set
numpy dtype
numpy._core.multiarray scalar
numpy.core.multiarray scalar
)";

/// Element types and quantisation schemes, which a pickle names as attributes of torch.
[[nodiscard, gnu::cold]] inline bool is_torch_constant(std::string_view name) {
  for (const std::string_view scheme :
       {"per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric",
        "per_channel_affine_float_qparams"}) {
    if (name == scheme) return true;
  }
  if (name == "bool") return true;
  // A word and a number, and sometimes more: int64, quint4x2, float8_e4m3fn.
  for (const std::string_view word :
       {"float", "bfloat", "complex", "int", "uint", "qint", "quint", "bits"}) {
    if (!name.starts_with(word) || name.size() == word.size()) continue;
    const std::string_view rest = name.substr(word.size());
    if (rest[0] >= '1' && rest[0] <= '9' && rest.size() < 16 &&
        rest.find_first_not_of("0123456789_abcdefghijklmnopqrstuvwxyz") == std::string_view::npos)
      return true;
  }
  return false;
}

[[nodiscard, gnu::cold]] inline bool is_harmless(std::string_view name) {
  return harmless_names.find("\n" + std::string(name) + "\n") != std::string_view::npos;
}

/// Whether the name that was just read begins a pickled torch.nn.Module: `cls ) NEWOBJ }` with the
/// attributes of one, or the ("module", cls, ...) of the older stream.
[[gnu::cold]] inline bool Pickle::begins_module() {
  if (!stack_.empty() && stack_.back().kind == V::text && text(stack_.back()) == "module")
    return true;
  const std::string_view rest = std::string_view(text_).substr(position_, 256);
  return rest.find("\x81") < 8 && rest.find("_parameters") != std::string_view::npos;
}

[[gnu::cold]] inline void Pickle::find_name(std::string_view module, std::string_view name) {
  std::optional<std::int64_t> found;
  bool known = false;  // known, but nothing this library can use
  if (module == "torch._utils") {
    if (name == "_rebuild_tensor_v2") found = rebuild_tensor;
    if (name == "_rebuild_tensor" && older_stream_) found = rebuild_old_tensor;
    if (name == "_rebuild_parameter") found = rebuild_parameter;
    if (name == "_rebuild_parameter_with_state") found = rebuild_parameter_with_state;
    for (const std::string_view other :
         {"_rebuild_tensor_v3", "_rebuild_qtensor", "_rebuild_sparse_tensor",
          "_rebuild_sparse_csr_tensor", "_rebuild_meta_tensor_no_storage",
          "_rebuild_nested_tensor"}) {
      known = known || name == other;
    }
  } else if (module == "torch._tensor") {
    if (name == "_rebuild_from_type_v2") found = rebuild_from_type;
  } else if (module == "torch.nn.parameter") {
    if (name == "Parameter" && older_stream_) found = make_parameter;
  } else if (module == "collections") {
    if (name == "OrderedDict") found = make_ordered_dict;
  } else if (module == "torch") {
    if (const auto dtype = find_dtype(&DtypeRow::storage, name)) {
      found = std::int64_t{first_storage} + static_cast<std::int64_t>(*dtype);
    }
    if (is_torch_constant(name)) return push(V::opaque);
    for (const std::string_view other :
         {"ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage", "QUInt8Storage",
          "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage"}) {
      known = known || name == other;
    }
  } else if (module == "torch.storage") {
    known = name == "UntypedStorage";
  }
  const std::string plain = std::string(module) + " " + std::string(name);
  if (!found && is_harmless(plain)) found = harmless;
  const std::string full = in_quotes(plain);
  if (known) {
    fail("unsupported_dtype", {"The file holds a quantised, sparse, complex or meta tensor (", full,
                               "); plain tensors are expected."});
  }
  if (!found && begins_module()) {
    fail("forbidden_global",
         {"The file holds a whole module, an object of the class ", full,
          ", whose code would have to run. Nothing was executed; save its parameters alone: "
          "torch.save(model.state_dict(), path)."});
  }
  if (!found) {
    fail("forbidden_global", {"The file refers to ", full,
                              ", which is no part of a dictionary of tensors. Nothing was "
                              "executed; ask whoever made the "
                              "file for a plain state dict or a safetensors file."});
  }
  push(V::name, *found);
}

[[gnu::cold]] inline void Pickle::reduce() {
  const V arguments = pop();
  const V name = pop();
  if (name.kind != V::name || name.value >= first_storage || arguments.kind != V::tuple) {
    fail("bad_pickle", {"Only tensors, parameters and harmless objects can be made."});
  }
  const std::vector<V> list(items(arguments).begin(), items(arguments).end());
  rebuild(name.value, list);
}

/// Pushes what a name makes of its arguments.
[[gnu::cold]] inline void Pickle::rebuild(std::int64_t name, std::span<const V> list) {
  const auto no_hooks = [&](V hooks) {
    const bool none = hooks.kind == V::ordered_dict ? items(hooks).empty()
                                                    : older_stream_ && hooks.kind == V::none;
    if (!none) fail("bad_pickle", {"A tensor comes with hooks."});
  };
  if (name == harmless) {
    push(V::opaque);
  } else if (name == rebuild_from_type) {
    // A tensor with attributes of its own: how it is rebuilt, its class, arguments, attributes.
    if (list.size() != 4 || list[0].kind != V::name || list[0].value > rebuild_old_tensor ||
        list[1].kind != V::name || list[2].kind != V::tuple) {
      fail("bad_pickle", {"A tensor with attributes is made of something else than a tensor."});
    }
    const std::vector<V> inner(items(list[2]).begin(), items(list[2]).end());
    rebuild(list[0].value, inner);
  } else if (name == make_ordered_dict) {
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
  } else if (name == rebuild_parameter || name == rebuild_parameter_with_state) {
    const std::size_t count = name == rebuild_parameter ? 3 : 4;
    if (list.size() != count || list[0].kind != V::tensor || list[1].kind != V::boolean) {
      fail("bad_pickle", {"A parameter is made of a tensor, a flag and hooks."});
    }
    no_hooks(list[2]);
    push(list[0]);
  } else if (name == make_parameter) {
    if (list.empty() || list.size() > 2 || list[0].kind != V::tensor ||
        (list.size() == 2 && list[1].kind != V::boolean)) {
      fail("bad_pickle", {"A parameter is made of a tensor and a flag."});
    }
    push(V{.kind = V::tensor, .size = 1, .value = list[0].value});
  } else {
    const bool old = name == rebuild_old_tensor;
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
[[gnu::cold]] inline void Pickle::build() {
  const V state = pop();
  if (top().kind == V::opaque) return;
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

[[gnu::cold]] inline void Pickle::make_tensor(std::span<const V> arguments) {
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

[[gnu::cold]] inline void Pickle::make_storage(V id) {
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
