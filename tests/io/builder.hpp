// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Builds weight files byte by byte, sound ones and broken ones.

#include <eqsr/io/output_file.hpp>
#include <eqsr/io/weights/pth.hpp>

#include <unistd.h>  // getpid

#include <cstdint>      // uint64_t
#include <filesystem>   // temp_directory_path
#include <fstream>      // ofstream
#include <string>       // string
#include <string_view>  // string_view
#include <utility>      // pair
#include <vector>       // vector

namespace eqsr_test {

/// A folder that is removed at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    for (int i = 0; folder_.empty(); ++i) {
      const auto candidate = std::filesystem::temp_directory_path() /
                             ("eqsr-test-" + std::to_string(::getpid()) + "-" + std::to_string(i));
      if (std::filesystem::create_directory(candidate)) folder_ = candidate;
    }
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path(std::string_view name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::string write(std::string_view name, std::string_view bytes) const {
    // Replacing a file in place makes some file systems wait for the disk; a fresh one does not.
    std::filesystem::remove(path(name));
    std::ofstream out(path(name), std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path(name);
  }

 private:
  std::filesystem::path folder_;
};

[[nodiscard]] inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The code word of the Error that `f` throws, or "none".
template <class F>
std::string code_of(F&& f) {
  try {
    f();
  } catch (const eqsr::Error& error) {
    return error.code();
  }
  return "none";
}

/// The code word for a file of these bytes.
[[nodiscard]] inline std::string open_code(std::string_view bytes,
                                           const eqsr::Limits& limits = {}) {
  static const TemporaryFolder folder;
  const std::string path = folder.write("weights", bytes);
  return code_of([&] { static_cast<void>(eqsr::StateDict::open(path, limits)); });
}

[[nodiscard]] inline eqsr::StateDict open_bytes(std::string_view bytes,
                                                const eqsr::Limits& limits = {}) {
  static const TemporaryFolder folder;
  return eqsr::StateDict::open(folder.write("weights", bytes), limits);
}

template <class T>
std::string little(T value) {
  std::string out;
  eqsr::detail::store_little(out, value);
  return out;
}
[[nodiscard]] inline std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * 4};
}

/// Overwrites bytes in place.
template <class T>
void patch(std::string& bytes, std::size_t at, T value) {
  bytes.replace(at, sizeof(T), little(value));
}

[[nodiscard]] inline std::string safetensors(std::string_view header, std::string_view payload) {
  return little(std::uint64_t{header.size()}) + std::string(header) + std::string(payload);
}

/// A zip archive as torch.save lays it out, and where its records are, to damage them.
struct Zip {
  std::string bytes;
  std::vector<std::size_t> local;
  std::vector<std::size_t> data;
  std::vector<std::size_t> central;
  std::size_t directory = 0;
  std::size_t end64 = 0;
  std::size_t locator = 0;
  std::size_t end = 0;
};

[[nodiscard]] inline Zip zip(const std::vector<std::pair<std::string, std::string>>& items,
                             bool deferred = true) {
  Zip z;
  std::string directory;
  const std::uint16_t flags = deferred ? 0x0808 : 0x0800;
  const auto u16 = [](std::size_t v) { return little(static_cast<std::uint16_t>(v)); };
  const auto u32 = [](std::size_t v) { return little(static_cast<std::uint32_t>(v)); };
  for (const auto& [name, data] : items) {
    const std::uint32_t crc = eqsr::detail::crc32(data.data(), data.size());
    z.local.push_back(z.bytes.size());
    const std::string sizes = u32(crc) + u32(data.size()) + u32(data.size());
    const std::string extra = "FB" + u16(5) + "ZZZZZ";
    z.bytes += "PK\x03\x04" + u16(0) + u16(flags) + u16(0) + u32(0) +
               (deferred ? std::string(12, '\0') : sizes) + u16(name.size()) + u16(extra.size()) +
               name + extra;
    z.data.push_back(z.bytes.size());
    z.bytes += data;
    if (deferred) z.bytes += "PK\x07\x08" + sizes;
    z.central.push_back(directory.size());
    directory += "PK\x01\x02" + u16(0) + u16(0) + u16(flags) + u16(0) + u32(0) + sizes +
                 u16(name.size()) + u16(0) + u16(0) + u16(0) + u16(0) + u32(0) +
                 u32(z.local.back()) + name;
  }
  z.directory = z.bytes.size();
  for (std::size_t& at : z.central) at += z.directory;
  z.bytes += directory;
  z.end64 = z.bytes.size();
  const auto u64 = [](std::size_t v) { return little(std::uint64_t{v}); };
  z.bytes += "PK\x06\x06" + u64(44) + u16(0) + u16(0) + u32(0) + u32(0) + u64(items.size()) +
             u64(items.size()) + u64(directory.size()) + u64(z.directory);
  z.locator = z.bytes.size();
  z.bytes += "PK\x06\x07" + u32(0) + u64(z.end64) + u32(1);
  z.end = z.bytes.size();
  z.bytes += "PK\x05\x06" + u16(0) + u16(0) + u16(items.size()) + u16(items.size()) +
             u32(directory.size()) + u32(z.directory) + u16(0);
  return z;
}

// Pieces of pickles. Concatenate them: each leaves one value on the stack.
namespace pickle {
using S = std::string;
inline S text(std::string_view t) {
  return "X" + little(static_cast<std::uint32_t>(t.size())) + S(t);
}
inline S integer(std::int32_t v) { return "J" + little(static_cast<std::uint32_t>(v)); }
inline S name(const S& module, const S& n) { return "c" + module + "\n" + n + "\n"; }
inline S tuple(const S& items) { return "(" + items + "t"; }
inline S ordered_dict() { return name("collections", "OrderedDict") + ")R"; }
inline S storage(const S& key, std::int32_t numel, const S& type = "FloatStorage") {
  return tuple(text("storage") + name("torch", type) + text(key) + text("cpu") + integer(numel)) +
         "Q";
}
inline S integers(const std::vector<std::int32_t>& values) {
  S items;
  for (const std::int32_t v : values) items += integer(v);
  return tuple(items);
}
inline S tensor(const S& storage, std::int32_t offset, const std::vector<std::int32_t>& sizes,
                const std::vector<std::int32_t>& strides) {
  return name("torch._utils", "_rebuild_tensor_v2") +
         tuple(storage + integer(offset) + integers(sizes) + integers(strides) + "\x89" +
               ordered_dict()) +
         "R";
}
inline S dict(const S& items) { return "}(" + items + "u"; }
/// A whole pickle around one value.
inline S whole(const S& value) { return "\x80\x02" + value + "."; }
}  // namespace pickle

using Storages = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] inline Zip pth_zip(const std::string& data_pkl, const Storages& storages) {
  std::vector<std::pair<std::string, std::string>> items{{"m/data.pkl", data_pkl}};
  for (const auto& [key, bytes] : storages) items.emplace_back("m/data/" + key, bytes);
  items.emplace_back("m/version", "3\n");
  return zip(items);
}

/// The older stream; storages come with their number of elements.
[[nodiscard]] inline std::string pth_stream(const std::string& object, const Storages& storages,
                                            std::size_t element = 4) {
  namespace p = pickle;
  std::string keys;
  std::string payload;
  for (const auto& [key, bytes] : storages) {
    keys += p::text(key);
    payload += little(std::uint64_t{bytes.size() / element}) + bytes;
  }
  return std::string(eqsr::detail::pth_legacy_magic) + p::whole("M" + little(std::uint16_t{1001})) +
         p::whole(p::dict(p::text("protocol_version") + "M" + little(std::uint16_t{1001}) +
                          p::text("little_endian") + "\x88")) +
         object + p::whole("](" + keys + "e") + payload;
}

/// Every proper prefix must be refused, and every single bit flip refused or harmless: whatever
/// loads must be readable to its last element. Returns how many flips loaded.
template <class Check>
std::size_t sweep(const std::string& bytes, Check&& check) {
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    check(open_code(std::string_view(bytes).substr(0, n)) != "none", "prefix", n);
  }
  std::size_t loaded = 0;
  std::string damaged = bytes;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    damaged[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const std::string code = code_of([&] {
      for (const auto& [name, tensor] : open_bytes(damaged)) {
        check(tensor.to_bytes().size() == tensor.numel() * eqsr::size_of(tensor.dtype()), "flip",
              bit);
      }
    });
    loaded += code == "none" ? 1 : 0;
    damaged[bit / 8] = bytes[bit / 8];
  }
  return loaded;
}

/// The code of the error that opening weights at a path ends with.
inline std::string path_code(const std::string& path) {
  return code_of([&] { static_cast<void>(eqsr::StateDict::open(path)); });
}

/// Writes "new" to a path.
inline void put(const std::string& path, eqsr::Existing existing) {
  eqsr::OutputFile file(path, existing);
  file.write("new", 3);
  file.commit();
}

}  // namespace eqsr_test
