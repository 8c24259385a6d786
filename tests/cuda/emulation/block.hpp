// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>  // say

#include "cuda/emulation/fiber.hpp"
#include "cuda/emulation/memory.hpp"

#include <cstring>  // memcpy

namespace eqsr_test {

/// One emulated block: its threads are fibers, its shared memory is watched.
///
/// A phase is the time between two barriers. Per two bytes of shared memory the block knows who
/// wrote and who read it in this phase, whether anything was written at all, and whether an
/// asynchronous copy to it has not been waited for. Lanes of a warp are ordered by warp operations
/// too.
class Block {
 public:
  static constexpr int warp_size = 32;

  Block(int threads, std::size_t shared_bytes);

  /// Runs `body(thread)` on every thread. `backwards` lets the last warp and lane go first: a
  /// result must not depend on it.
  void run(int index, bool backwards, const std::function<void(int)>& body);

  [[nodiscard]] int threads() const { return static_cast<int>(threads_.size()); }
  [[nodiscard]] std::int32_t grid_thread(int thread) const {
    return static_cast<std::int32_t>(index_ * threads() + thread);
  }
  [[nodiscard]] std::size_t shared_bytes() const { return shared_.size(); }

  void barrier(int thread);
  /// Waits for all lanes of the warp; then `perform(lanes)`, once, with what each lane gave.
  using Perform = void (*)(Block& block, int warp, void* const* lanes);
  void collective(int thread, const char* name, Perform perform, void* given);

  void read_shared(int thread, std::size_t byte, void* to, std::size_t bytes);
  void write_shared(int thread, std::size_t byte, const void* from, std::size_t bytes);

  void copy_async(int thread, std::size_t byte, const void* from, std::size_t bytes, bool valid);
  void commit(int thread);
  void wait(int thread, std::size_t groups_left);

 private:
  enum class State { ready, at_barrier, in_warp_operation, ended };
  struct Copy {
    std::size_t byte, bytes;
    std::byte data[16];
  };
  struct Thread {
    Fiber fiber;
    State state = State::ready;
    const char* operation = "";
    Perform perform = nullptr;
    void* given = nullptr;
    std::vector<std::vector<Copy>> groups;  ///< closed groups of copies, then the open one
  };
  struct Cell {                                 // of two bytes
    std::uint32_t written_in = 0, read_in = 0;  ///< phase, 0 for never
    std::uint32_t written_at = 0, read_at = 0;  ///< warp operations of the toucher's warp
    std::int16_t writer = 0, reader = 0;        ///< -1 - w: several lanes of warp w
    bool in_flight = false;
  };
  static constexpr std::int16_t several = 0x7fff;

  void pause(int thread, State state);
  bool release();
  void check(std::size_t byte, std::size_t bytes, const char* what) const;
  /// Whether what `toucher` did at warp operation `at` of this phase comes before `thread`.
  [[nodiscard]] bool ordered(int toucher, std::uint32_t at, int thread) const;
  void mark_written(int thread, std::size_t byte, std::size_t bytes, bool in_flight);
  [[noreturn]] void fail(int thread, const std::string& what) const;

  std::vector<std::byte> shared_;
  std::vector<Cell> cells_;
  std::vector<Thread> threads_;
  std::vector<std::uint32_t> warp_operations_;
  std::uint32_t phase_ = 1;
  std::int64_t index_ = 0;
  std::string error_;
};

}  // namespace eqsr_test
