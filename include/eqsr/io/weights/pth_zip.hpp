// SPDX-License-Identifier: Apache-2.0
#pragma once

/// PyTorch files since 1.6: a zip archive with one pickle and one entry for each storage. Also what
/// both kinds of PyTorch file share: finding the tensors in what the pickle describes.

#include <eqsr/io/weights/dictionary.hpp>
#include <eqsr/io/weights/pickle.hpp>
#include <eqsr/io/weights/zip.hpp>

#include <functional>  // function
#include <set>         // set

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// Reads storage number `index` of the pickle to `to`.
using LoadStorage = std::function<void(std::size_t index, void* to)>;

/// Where the tensors are in nested dictionaries, and what lies beside the path to them.
struct PthSelection {
  PickleValue dict;
  std::string path;
  std::vector<std::string> dropped;
};

[[nodiscard, gnu::cold]] inline std::string pickle_key(const Pickle& pickle, PickleValue key) {
  if (key.kind == PickleValue::integer) return std::to_string(key.value);
  if (key.kind == PickleValue::boolean) return key.value != 0 ? "True" : "False";
  if (key.kind == PickleValue::none) return "None";
  if (key.kind != PickleValue::text) return "(no text)";
  if (!valid_name(pickle.text(key))) {
    pickle.fail("bad_name", {"The key ", in_quotes(pickle.text(key)),
                             " is not 1 to 1024 bytes of UTF-8 without zero bytes."});
  }
  return std::string(pickle.text(key));
}

[[gnu::cold]] inline PthSelection select_tensors(const InputFile& file, const Pickle& pickle) {
  PthSelection selection{.dict = pickle.root(), .path = {}, .dropped = {}};
  if (!selection.dict.is_dict()) {
    file.fail("bad_pickle", {"The file holds something else than a dictionary; a state dict, or a "
                             "dictionary with one, is expected."});
  }
  for (int level = 0;; ++level) {
    const auto members = pickle.items(selection.dict);
    std::set<std::string> keys;
    for (std::size_t i = 0; i < members.size(); i += 2) {
      std::string key = pickle_key(pickle, members[i]);
      if (members[i].kind > PickleValue::text || members[i].kind == PickleValue::real) continue;
      if (keys.contains(key)) {
        file.fail("duplicate_key", {"The key ", in_quotes(key), " is there twice."});
      }
      keys.insert(std::move(key));
    }
    std::string taken;
    for (const char* name : {"params_ema", "params", "state_dict", "model_state_dict",
                             "model_state", "model", "net", "sd"}) {
      const auto inner = pickle.get(selection.dict, name);
      if (inner && inner->is_dict() && level < 4) {
        taken = name;
        selection.dict = *inner;
        break;
      }
    }
    const std::string folder = selection.path.empty() ? "" : selection.path + ".";
    for (std::size_t i = 0; i < members.size(); i += 2) {
      const bool tensor = members[i + 1].kind == PickleValue::tensor;
      std::string key = pickle_key(pickle, members[i]);
      if (taken.empty() ? !tensor : key != taken) selection.dropped.push_back(folder + key);
    }
    if (taken.empty()) return selection;
    selection.path = folder + taken;
  }
}

/// The dictionary of a PyTorch file whose pickle and storage sizes have been checked.
[[gnu::cold]] inline StateDict collect_tensors(const InputFile& file, const Limits& limits,
                                               const Pickle& pickle, const std::string& format,
                                               const LoadStorage& load) {
  PthSelection selection = select_tensors(file, pickle);
  const auto members = pickle.items(selection.dict);
  std::vector<bool> needed(pickle.storages().size(), false);
  std::uint64_t bytes = 0;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < members.size(); i += 2) {
    if (members[i + 1].kind != PickleValue::tensor) continue;
    if (members[i].kind != PickleValue::text) {
      file.fail("bad_name",
                {"A tensor has the key ", pickle_key(pickle, members[i]), "; a name is expected."});
    }
    if (++count > limits.max_tensors) {
      file.fail("too_many_tensors",
                {"The file holds more than ", limits.max_tensors, " tensors, the limit."});
    }
    const std::size_t index = pickle.tensor(members[i + 1]).storage;
    const PickleStorage& storage = pickle.storages()[index];
    if (!needed[index]) bytes += storage.numel * size_of(storage.dtype);  // within the file's size
    needed[index] = true;
  }
  if (count == 0) {
    std::string keys;
    for (std::size_t i = 0; i < selection.dropped.size() && i < 10; ++i) {
      keys += (i == 0 ? " It holds " : ", ") + in_quotes(selection.dropped[i]);
    }
    file.fail("ambiguous_model",
              {"No tensors were found at the top level or under params_ema, params, state_dict, "
               "model_state_dict, model_state, model, net or sd.",
               keys.empty() ? "" : keys + "."});
  }
  if (bytes > limits.memory_budget) {
    file.fail("memory_budget",
              {"The tensors need ", bytes, " bytes, the limit is ", limits.memory_budget,
               "; raise Limits::memory_budget if there is enough memory."});
  }
  std::vector<Bytes> memory(needed.size());
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) continue;
    const PickleStorage& storage = pickle.storages()[i];
    const auto target = allocate_bytes(storage.numel * size_of(storage.dtype));
    load(i, target.get());
    memory[i] = target;
  }
  file.expect_unchanged();
  StateDict dict;
  for (std::size_t i = 0; i < members.size(); i += 2) {
    if (members[i + 1].kind != PickleValue::tensor) continue;
    const PickleTensor& tensor = pickle.tensor(members[i + 1]);
    std::string name = pickle_key(pickle, members[i]);
    const std::string label = in_quotes(file.path()) + ": The tensor " + in_quotes(name);
    dict.insert(std::move(name),
                StoredTensor(pickle.storages()[tensor.storage].dtype, tensor.shape,
                             memory[tensor.storage], label, tensor.offset, tensor.strides));
  }
  dict.describe(file.path(), format, selection.path, std::move(selection.dropped));
  dict.strip("module.");
  return dict;
}

/// The folder that all entries lie in: that of the only `data.pkl`.
[[gnu::cold]] inline std::string find_pth_root(const InputFile& file, const ZipArchive& archive) {
  std::string root;
  bool several = false;
  for (const ZipEntry& entry : archive.entries()) {
    const std::size_t slash = entry.name.find('/');
    if (slash == std::string::npos || entry.name.substr(slash) != "/data.pkl") continue;
    several = several || !root.empty();
    root = entry.name.substr(0, slash + 1);
  }
  if (root.empty()) {
    file.fail("missing_entry", {"The archive has no data.pkl, so torch.save did not write it."});
  }
  for (const ZipEntry& entry : archive.entries()) {
    several = several || !entry.name.starts_with(root);
    if (entry.name.starts_with(root) && is_torchscript(entry.name)) fail_torchscript(file);
  }
  if (several) file.fail("ambiguous_archive", {"The archive has entries in more than one folder."});
  return root;
}

[[nodiscard, gnu::cold]] inline StateDict read_pth_zip(const InputFile& file,
                                                       const Limits& limits) {
  const ZipArchive archive(file, limits);
  const std::string root = find_pth_root(file, archive);
  const auto read_text = [&](const ZipEntry& entry, std::uint64_t limit) {
    if (entry.size > limit) {
      file.fail("limit_exceeded", {"The entry ", in_quotes(entry.name), " has ", entry.size,
                                   " bytes, the limit is ", limit, "."});
    }
    std::string text(static_cast<std::size_t>(entry.size), '\0');
    archive.read(entry, text.data());
    return text;
  };
  if (const ZipEntry* order = archive.find(root + "byteorder")) {
    const std::string text = read_text(*order, 64);
    if (text != "little") {
      file.fail("unsupported_byteorder",
                {"The file's byte order is ", in_quotes(text), "; little is expected."});
    }
  }
  const Pickle pickle(file, "data.pkl",
                      read_text(*archive.find(root + "data.pkl"), limits.max_pickle_bytes));
  if (pickle.left() != 0) {
    pickle.fail("trailing_data", {pickle.left(), " bytes follow the end of the pickle."});
  }
  std::vector<const ZipEntry*> entries;
  for (const PickleStorage& storage : pickle.storages()) {
    const ZipEntry* entry = archive.find(root + "data/" + storage.key);
    if (entry == nullptr) {
      file.fail("missing_entry",
                {"The storage ", in_quotes(storage.key), " is not in the archive."});
    }
    const std::uint64_t bytes = storage.numel * size_of(storage.dtype);
    if (entry->size != bytes) {
      file.fail("size_mismatch", {"The storage ", in_quotes(storage.key), " needs ", bytes,
                                  " bytes, but its entry has ", entry->size, "."});
    }
    entries.push_back(entry);
  }
  return collect_tensors(file, limits, pickle, "pytorch zip",
                         [&](std::size_t index, void* to) { archive.read(*entries[index], to); });
}

}}}  // namespace eqsr::EQSR_ABI::detail
