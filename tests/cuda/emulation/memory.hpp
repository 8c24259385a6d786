// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>    // byte
#include <cstdint>    // uintptr_t
#include <map>        // map
#include <memory>     // unique_ptr
#include <span>       // span
#include <stdexcept>  // runtime_error
#include <string>     // string
#include <vector>     // vector

namespace eqsr_test {

/// What an emulated kernel did wrong: out of bounds, a race, data that have not landed. Kernels
/// that do none of it never throw this.
struct EmulationError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Who touched a cell last. Threads are numbered over the whole grid of a launch; -1 is several.
struct Touch {
  std::uint32_t written_in = 0, read_in = 0;  ///< launch; 0 is never, 1 is the host
  std::int32_t writer = 0, reader = 0;
};

/// The emulated device memory: every access of a kernel is looked up here.
///
/// An access must lie inside one allocation, read only what was written before, and, within one
/// launch, not touch a cell that another thread writes: blocks of a grid have no order. A cell is a
/// word of four bytes, in allocations that are touched by parts of words a byte. Memory of another
/// device than the launch's is out of reach.
class DeviceMemory {
 public:
  static DeviceMemory& instance();

  void* allocate(std::size_t bytes, int device = 0);
  void free(void* pointer);
  /// For copies and fills from the host.
  void touch_range(const void* pointer, std::size_t bytes, bool writes);

  void begin_launch(int device = 0) {
    ++launch_;
    device_ = device;
  }
  void read(const void* pointer, std::size_t bytes, std::int32_t thread);
  void write(void* pointer, std::size_t bytes, std::int32_t thread);

  [[nodiscard]] bool owns(const void* pointer) const { return device_of(pointer) >= 0; }
  [[nodiscard]] int device_of(const void* pointer) const;  ///< -1: memory of the host
  [[nodiscard]] std::size_t live() const { return blocks_.size(); }
  [[nodiscard]] std::size_t allocations() const { return allocations_; }  ///< ever made
  [[nodiscard]] std::size_t in_use() const { return in_use_; }
  std::size_t limit = std::size_t{8} << 30;  ///< allocations beyond it fail
  std::size_t refused = ~std::size_t{0};     ///< when so many have been made, the next one fails

 private:
  struct Block {
    std::unique_ptr<std::byte[]> storage;
    std::byte* memory;
    std::size_t size;
    int device;
    std::size_t cell;  ///< bytes: 4 or 1
    std::vector<Touch> cells;
  };
  Block& find(const void* pointer, std::size_t bytes, const char* what);
  /// The cells of an access.
  static std::span<Touch> cells(Block& block, const void* pointer, std::size_t bytes);
  void expect_here(const Block& block) const;

  std::map<std::uintptr_t, Block> blocks_;  ///< by address
  Block* last_ = nullptr;
  std::size_t in_use_ = 0, allocations_ = 0;
  std::uint32_t launch_ = 2;
  int device_ = 0;  ///< of the launch
};

}  // namespace eqsr_test
