// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>     // size_t
#include <functional>  // function
#include <memory>      // unique_ptr

namespace eqsr_test {

/// A function on a stack of its own that can be left and entered again: one thread of an emulated
/// block. Fibers of one operating-system thread only.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Makes the next `resume` call `f` from its beginning. `f` must not throw.
  void start(std::function<void()> f);
  /// Runs until the function pauses or ends.
  void resume();
  /// Called from inside: back to `resume`.
  void pause();
  [[nodiscard]] bool ended() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace eqsr_test
