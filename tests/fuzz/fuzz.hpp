// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>

#include <sys/mman.h>  // memfd_create
#include <unistd.h>    // pwrite

#include <cstddef>      // size_t
#include <cstdint>      // uint8_t
#include <cstdlib>      // abort
#include <string>       // string
#include <string_view>  // string_view

/// What the fuzz targets share. A target calls a parser with any bytes; what may come is a result
/// or an eqsr::Error with a sentence, anything else stops the fuzzer.
namespace eqsr_fuzz {

/// A file in memory that can be opened by its path.
class MemoryFile {
 public:
  [[nodiscard]] const std::string& path() const { return path_; }
  void fill(std::string_view bytes) const {
    if (::ftruncate(descriptor_, 0) != 0 ||
        ::pwrite(descriptor_, bytes.data(), bytes.size(), 0) != ::ssize_t(bytes.size()))
      std::abort();
  }

 private:
  int descriptor_ = ::memfd_create("fuzz", MFD_CLOEXEC);
  std::string path_ = "/proc/self/fd/" + std::to_string(descriptor_);
};

template <class F>
int survive(F&& parse) {
  try {
    parse();
  } catch (const eqsr::Error& error) {
    if (error.code().empty() || std::string_view(error.what()).size() < 20) std::abort();
  }
  return 0;
}

}  // namespace eqsr_fuzz

#define EQSR_FUZZ(bytes)                                                              \
  static int fuzz(std::string_view bytes);                                            \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    return fuzz({reinterpret_cast<const char*>(data), size});                         \
  }                                                                                   \
  static int fuzz(std::string_view bytes)
