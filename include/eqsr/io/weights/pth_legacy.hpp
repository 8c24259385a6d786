// SPDX-License-Identifier: Apache-2.0
#pragma once

/// PyTorch files before 1.6: five pickles (a magic number, a version, the machine's word sizes, the
/// dictionary, the storage keys), then for each key the number of elements and the elements.

#include <eqsr/io/weights/pth_zip.hpp>

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// The first pickle, which is the same in every file.
inline constexpr std::string_view pth_legacy_magic{
    "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19\x2E", 15};

/// Runs the pickle at `at` and moves `at` behind it. Only as much is read as the pickle needs.
[[gnu::cold]] inline Pickle read_pickle_at(const InputFile& file, const Limits& limits,
                                           std::string what, std::uint64_t& at) {
  const std::uint64_t start = at;
  const auto refill = [&file, &limits, start](std::string& text, std::size_t size) {
    if (size > file.size() - start) return;
    if (size > limits.max_pickle_bytes) {
      file.fail("limit_exceeded", {"The pickle at byte ", start, " has more than ",
                                   limits.max_pickle_bytes, " bytes, the limit."});
    }
    const std::uint64_t wanted = std::max<std::uint64_t>({size, 2 * text.size(), 4096});
    text += file.read_some(start + text.size(),
                           (std::min)(wanted, limits.max_pickle_bytes) - text.size());
  };
  Pickle pickle(file, std::move(what), "", refill, true);
  at += pickle.length();
  return pickle;
}

[[nodiscard, gnu::cold]] inline StateDict read_pth_legacy(const InputFile& file,
                                                          const Limits& limits) {
  std::uint64_t at = 0;
  const std::string magic = file.read_some(0, pth_legacy_magic.size());
  if (magic != pth_legacy_magic) {
    if (pth_legacy_magic.starts_with(magic)) file.fail("truncated", {"The file is cut short."});
    static_cast<void>(read_pickle_at(file, limits, "first pickle", at));
    file.fail("unknown_format", {"This is a pickle, but torch.save did not write it."});
  }
  at = pth_legacy_magic.size();
  const Pickle version = read_pickle_at(file, limits, "version", at);
  if (version.root().kind != PickleValue::integer || version.root().value != 1001) {
    file.fail("bad_pickle", {"The version of the stream is not 1001."});
  }
  const Pickle machine = read_pickle_at(file, limits, "system information", at);
  if (!machine.root().is_dict()) file.fail("bad_pickle", {"The system information is missing."});
  const auto little = machine.get(machine.root(), "little_endian");
  if (little && little->kind == PickleValue::boolean && little->value == 0) {
    file.fail("unsupported_byteorder", {"The file was written by a big-endian machine."});
  }
  const Pickle pickle = read_pickle_at(file, limits, "object pickle", at);
  const Pickle list = read_pickle_at(file, limits, "list of storages", at);
  if (list.root().kind != PickleValue::list) {
    file.fail("bad_pickle", {"The list of storages is missing."});
  }

  std::map<std::string, std::size_t, std::less<>> numbers;
  for (const PickleStorage& storage : pickle.storages())
    numbers.emplace(storage.key, numbers.size());
  constexpr std::uint64_t unknown = 0;  // no storage begins at the first byte
  std::vector<std::uint64_t> begins(numbers.size(), unknown);
  for (const PickleValue item : list.items(list.root())) {
    const std::string_view key = item.kind == PickleValue::text ? list.text(item) : "";
    const auto found = numbers.find(key);
    if (found == numbers.end()) {
      file.fail("bad_pickle",
                {"The list of storages names ", in_quotes(key), ", which no tensor uses."});
    }
    std::uint64_t& begin = begins[found->second];
    if (begin != unknown) {
      file.fail("duplicate_key", {"The storage ", in_quotes(key), " is listed twice."});
    }
    const PickleStorage& storage = pickle.storages()[found->second];
    std::array<char, 8> count{};
    file.read(at, count.data(), count.size());
    const auto numel = load_little<std::uint64_t>(count.data());
    if (numel != storage.numel) {
      file.fail("size_mismatch",
                {"The storage ", in_quotes(key), " has ", numel, " elements at byte ", at,
                 ", but its tensors expect ", storage.numel, "."});
    }
    begin = at + 8;
    const std::uint64_t bytes = numel * size_of(storage.dtype);
    if (bytes > file.size() - begin) {
      file.fail("truncated",
                {"The storage ", in_quotes(key), " needs ", bytes, " bytes at ", begin,
                 ", but the file ends at ", file.size(), ". Copy or download it again."});
    }
    at = begin + bytes;
  }
  for (const auto& [key, number] : numbers) {
    if (begins[number] == unknown) {
      file.fail("missing_entry", {"The storage ", in_quotes(key), " is not in the file."});
    }
  }
  if (at != file.size()) {
    file.fail("trailing_data",
              {"The storages end at byte ", at, ", but ", file.size() - at, " more bytes follow."});
  }
  return collect_tensors(file, limits, pickle, "pytorch stream", [&](std::size_t i, void* to) {
    const PickleStorage& storage = pickle.storages()[i];
    file.read(begins[i], to, static_cast<std::size_t>(storage.numel * size_of(storage.dtype)));
  });
}

}}}  // namespace eqsr::EQSR_ABI::detail
