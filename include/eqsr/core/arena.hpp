// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/backend.hpp>  // DryRun
#include <eqsr/core/math.hpp>     // round_up, saturated_sum
#include <eqsr/core/tensor.hpp>   // Memory

#include <algorithm>  // max, min
#include <vector>     // vector

namespace eqsr { inline namespace EQSR_ABI {

/// Allocations of every arena begin at multiples of this and take multiples of it.
inline constexpr std::size_t arena_alignment = 256;

/// Temporary memory of one context: a stack of allocations that are released together.
///
/// After `reserve(plan(...).workspace)` a forward pass allocates nothing. Without it the arena
/// grows as needed and keeps what it has. Not shared between threads.
template <class B>
class Arena {
 public:
  static constexpr std::size_t alignment = arena_alignment;
  /// No size becomes a small one.
  static constexpr std::size_t rounded(std::size_t bytes) {
    constexpr std::size_t most = static_cast<std::size_t>(-1) - 3 * alignment;
    return round_up((std::min)(bytes, most), alignment);
  }

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { release_blocks(); }

  /// Makes room for `bytes` in one block. Only between forward passes.
  void reserve(std::size_t bytes) {
    if (blocks_.size() == 1 && blocks_[0].size >= rounded(bytes)) return;
    release_blocks();
    if (bytes > 0) add_block(rounded(bytes));
  }

  [[gnu::noinline]] void* allocate(std::size_t bytes) {
    bytes = rounded(bytes);
    while (block_ < blocks_.size() && blocks_[block_].size - used_ < bytes) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) add_block((std::max)(bytes, minimum_block));
    void* memory = blocks_[block_].memory + used_;
    used_ += bytes;
    in_use_ += bytes;
    peak_ = (std::max)(peak_, in_use_);
    return memory;
  }

  /// Gives everything back. Only between forward passes.
  void clear() { release_blocks(); }

  struct Mark {
    std::size_t block, used, in_use;
  };
  [[nodiscard]] Mark mark() const { return {block_, used_, in_use_}; }
  void release(const Mark& mark) {
    block_ = mark.block;
    used_ = mark.used;
    in_use_ = mark.in_use;
  }

  /// The most bytes that were in use at once.
  [[nodiscard]] std::size_t peak() const { return peak_; }
  /// The bytes that the arena holds.
  [[nodiscard]] std::size_t capacity() const {
    std::size_t sum = 0;
    for (const Block& block : blocks_) sum += block.size;
    return sum;
  }

 private:
  static constexpr std::size_t minimum_block = std::size_t{1} << 20;
  struct Block {
    std::byte* memory;
    std::size_t size;
    void* base;
  };
  void add_block(std::size_t size) {
    blocks_.reserve(blocks_.size() + 1);
    void* start = Memory<B>::allocate(size + alignment);
    const auto address = reinterpret_cast<std::uintptr_t>(start);
    const std::size_t shift = rounded(address) - address;
    blocks_.push_back({static_cast<std::byte*>(start) + shift, size, start});
  }
  void release_blocks() {
    for (const Block& block : blocks_) Memory<B>::deallocate(block.base);
    blocks_.clear();
    block_ = used_ = in_use_ = 0;
  }

  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0, in_use_ = 0, peak_ = 0;
};

/// The arena of a dry run: it counts and holds nothing. Its pointers must not be followed.
template <class B>
class Arena<DryRun<B>> {
 public:
  using Mark = std::size_t;
  [[gnu::noinline]] void* allocate(std::size_t bytes) {
    void* memory = reinterpret_cast<void*>(arena_alignment + in_use_);
    in_use_ = saturated_sum(in_use_, saturated_sum(bytes, arena_alignment - 1));
    in_use_ -= in_use_ % arena_alignment;  // also of the largest number, which stays too large
    peak_ = (std::max)(peak_, in_use_);
    return memory;
  }
  [[nodiscard]] Mark mark() const { return in_use_; }
  void release(Mark mark) { in_use_ = mark; }
  [[nodiscard]] std::size_t peak() const { return peak_; }

 private:
  std::size_t in_use_ = 0, peak_ = 0;
};

}}  // namespace eqsr::EQSR_ABI
