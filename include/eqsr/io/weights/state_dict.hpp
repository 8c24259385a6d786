// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Opens weight files. What a file is, its content says: names and extensions are never looked at.

#include <eqsr/io/weights/dictionary.hpp>
#include <eqsr/io/weights/safetensors.hpp>
#include <eqsr/io/weights/sha256.hpp>

#include <algorithm>    // all_of
#include <string>       // string
#include <string_view>  // string_view

namespace eqsr { inline namespace EQSR_ABI {
namespace detail {

/// Whether the first bytes of a file of `size` bytes are those of a safetensors file, sound or not.
[[nodiscard, gnu::cold]] inline bool looks_like_safetensors(std::string_view head,
                                                            std::uint64_t size) {
  const std::string_view length = head.substr(0, 8);
  const bool printable = std::all_of(length.begin(), length.end(), [](char c) {
    return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t';
  });
  if (printable) return false;  // 2^61 bytes and more: this is a text
  const auto header_bytes = load_little<std::uint64_t>(length.data());
  const bool plausible = header_bytes < (std::uint64_t{1} << 40);
  if (head.size() == 8) return plausible;
  if (head[8] == '{' || header_bytes <= size - 8) return true;
  return plausible && std::string_view(" \t\r\n[\xEF").find(head[8]) != std::string_view::npos;
}

/// Containers that this library knows, but does not read.
[[nodiscard, gnu::cold]] inline std::string_view name_of_container(std::string_view head) {
  struct Magic {
    std::string_view bytes;
    std::string_view name;
  };
  using namespace std::string_view_literals;
  constexpr Magic magics[] = {
      {"\x1F\x8B"sv, "a gzip file; unpack it first"},
      {"7z\xBC\xAF\x27\x1C"sv, "a 7z archive; unpack it first"},
      {"BZh"sv, "a bzip2 file; unpack it first"},
      {"\xFD"
       "7zXZ\0"sv,
       "an xz file; unpack it first"},
      {"\x28\xB5\x2F\xFD"sv, "a zstd file; unpack it first"},
      {"Rar!\x1A\x07"sv, "a rar archive; unpack it first"},
      {"GGUF"sv, "a GGUF file"},
      {"\x89HDF\r\n\x1A\n"sv, "an HDF5 file"},
      {"\x93NUMPY"sv, "a NumPy file"},
      {"PYTORCH1"sv, "a PyTorch preview file"},
  };
  for (const Magic& magic : magics) {
    if (head.starts_with(magic.bytes)) return magic.name;
  }
  if (head.size() >= 262 && head.substr(257, 5) == "ustar") {
    return "a tar archive (PyTorch before 0.1.10, or a packed folder)";
  }
  return {};
}

/// Whether a file is the JSON text `*.index.json` that says in which file each tensor lies. The
/// map comes first or behind a little metadata.
[[nodiscard, gnu::cold]] inline bool is_shard_index(const InputFile& file, std::string_view head) {
  const std::size_t start = head.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return start < head.size() && head[start] == '{' &&
         file.read_some(0, (std::min)(file.size(), std::uint64_t{16384})).find("\"weight_map\"") !=
             std::string::npos;
}

[[nodiscard, gnu::cold]] inline std::string_view hint_for(std::string_view head) {
  if (head.starts_with("version https://git-lfs")) {
    return " This is a Git LFS pointer: run \"git lfs pull\" to fetch the file itself.";
  }
  if (head.starts_with("\x89PNG") || head.starts_with("\xFF\xD8\xFF")) return " This is a picture.";
  const std::size_t start = (std::min)(head.find_first_not_of(" \t\r\n"), head.size());
  if (head.substr(start, 1) == "<") {
    return " This looks like a web page: the download went wrong, perhaps for lack of a login.";
  }
  if (head.substr(start, 1) == "{") return " This looks like a JSON text, such as a configuration.";
  return {};
}

/// What reads PyTorch files; pth.hpp, where a program includes it.
inline StateDict (*pytorch_reader)(const InputFile&, const Limits&) = nullptr;

[[nodiscard, gnu::cold]] inline bool begins_like_pickle(std::string_view head) {
  return head[0] == '\x80' && static_cast<unsigned char>(head[1]) <= 5;
}

/// An archive, also with something before it, which its own reader explains.
[[nodiscard, gnu::cold]] inline bool ends_like_archive(const InputFile& file) {
  return file.size() >= 22 && file.read_some(file.size() - 22, 4) == "PK\x05\x06";
}

[[nodiscard, gnu::cold]] inline StateDict read_weights(const std::string& path,
                                                       const Limits& limits) {
  const InputFile file(path, limits.max_file_bytes);
  if (file.size() < 8) {
    file.fail("truncated", {"The file has ", file.size(), " bytes; no weight file is that short."});
  }
  if (!limits.sha256.empty()) expect_sha256(file, limits.sha256);
  const std::string head = file.read_some(0, 512);
  const bool archive = head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06");
  // A table that begins where its length says outweighs any magic number.
  const bool table = head.size() > 8 && head[8] == '{' &&
                     load_little<std::uint64_t>(head.data()) <= file.size() - 8;
  const std::string_view container = name_of_container(head);
  if (!container.empty() && !table) {
    file.fail("unsupported_container",
              {"This is ", container, ". Safetensors and PyTorch files can be read."});
  }
  if (!archive && looks_like_safetensors(head, file.size())) {
    return read_safetensors(file, limits);
  }
  if (archive || begins_like_pickle(head) || ends_like_archive(file)) {
    if (pytorch_reader != nullptr) return pytorch_reader(file, limits);
    file.fail("unsupported_container",
              {"This is a PyTorch file, and this program reads safetensors alone. Make one of it "
               "with the tool convert, or include <eqsr/io/weights/pth.hpp> in the program."});
  }
  if (is_shard_index(file, head)) {
    file.fail("unsupported_container",
              {"This is the index of weights that are split over several files, the shards; it "
               "holds no weights. Join the shards first: load each in Python and save one "
               "dictionary with all their tensors."});
  }
  file.fail("unknown_format", {"The file begins with ", hex(head.substr(0, 16)),
                               "; neither a safetensors nor a PyTorch file does.", hint_for(head)});
}

}  // namespace detail

// Not inlined: see read_picture_bytes.
[[gnu::noinline]] inline StateDict StateDict::open(const std::string& path, const Limits& limits) {
  return detail::read_weights(path, limits);
}

}}  // namespace eqsr::EQSR_ABI
