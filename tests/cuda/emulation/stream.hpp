// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>       // deque
#include <functional>  // function
#include <memory>      // shared_ptr
#include <set>         // set
#include <thread>      // thread
#include <vector>      // vector

namespace eqsr_test {

/// Errors of the runtime that the emulation gives by itself, with the runtime's numbers.
enum : int {
  invalid_value = 1,
  invalid_handle = 400,
  capture_unsupported = 900,
  capture_invalidated = 901,
  capture_isolation = 905,
  capture_implicit = 906,
};

/// An emulated stream. It works at once, or, where `late`, when somebody waits for it: what reads a
/// result without waiting then finds that nothing has written it.
///
/// A stream that is captured keeps the work for a graph. The capture ends as invalid if somebody
/// waits for the stream or for the device meanwhile, or if the capturing thread allocates or frees.
class FakeStream {
 public:
  explicit FakeStream(int of) : device(of) { all().insert(this); }
  FakeStream(const FakeStream&) = delete;
  FakeStream& operator=(const FakeStream&) = delete;
  /// The work that is left is done.
  ~FakeStream() {
    run();
    all().erase(this);
  }

  const int device;
  static inline long queued = 0, ran = 0;  ///< pieces of work of all streams, recordings apart

  /// Does it, keeps it for later, or records it; an error of the runtime.
  int queue(std::function<void()> work, bool late);
  /// Does everything that was queued.
  void run();

  int begin_capture();
  int end_capture(std::vector<std::function<void()>>& recorded);
  [[nodiscard]] bool capturing() const { return state_ != State::idle; }
  [[nodiscard]] bool captured_here() const {
    return capturing() && capturer_ == std::this_thread::get_id();
  }
  /// Waiting for a stream that is captured breaks the capture; an error of the runtime.
  int wait();
  void invalidate() {
    if (capturing()) state_ = State::invalid;
  }

  static std::set<FakeStream*>& all() {
    static std::set<FakeStream*> streams;
    return streams;
  }
  /// Breaks what this thread captures, for calls that must not come then; an error of the runtime.
  static int forbidden_in_capture();
  /// What waiting for a device does to everybody's captures; an error of the runtime.
  static int wait_for_device();

 private:
  enum class State { idle, capturing, invalid };
  std::deque<std::function<void()>> pending_;
  std::vector<std::function<void()>> recorded_;
  State state_ = State::idle;
  std::thread::id capturer_;
};

/// An emulated event: a place in a stream.
struct FakeEvent {
  explicit FakeEvent(int of) : device(of) {}

  int device;
  FakeStream* stream = nullptr;
  bool captured = false;          ///< recorded in a stream that was captured
  std::shared_ptr<bool> reached;  ///< null: never recorded

  /// Runs the stream up to the event.
  void wait() const {
    if (reached && !*reached && FakeStream::all().contains(stream)) stream->run();
  }
};

}  // namespace eqsr_test
