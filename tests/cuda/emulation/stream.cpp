// SPDX-License-Identifier: Apache-2.0
#include "cuda/emulation/stream.hpp"

#include <utility>

namespace eqsr_test {

int FakeStream::queue(std::function<void()> work, bool late) {
  if (state_ == State::invalid) return capture_invalidated;
  if (state_ == State::capturing) {
    recorded_.push_back(std::move(work));
    return 0;
  }
  ++queued;
  pending_.push_back(std::move(work));
  if (!late) run();
  return 0;
}

void FakeStream::run() {
  while (!pending_.empty()) {
    const auto work = std::move(pending_.front());
    pending_.pop_front();
    ++ran;
    work();
  }
}

int FakeStream::begin_capture() {
  if (capturing()) return capture_unsupported;
  state_ = State::capturing;
  capturer_ = std::this_thread::get_id();
  return 0;
}

int FakeStream::end_capture(std::vector<std::function<void()>>& recorded) {
  const State state = std::exchange(state_, State::idle);
  recorded = std::exchange(recorded_, {});
  return state == State::capturing ? 0 : capture_invalidated;
}

int FakeStream::wait() {
  if (capturing()) {
    invalidate();
    return capture_unsupported;
  }
  run();
  return 0;
}

int FakeStream::forbidden_in_capture() {
  int code = 0;
  for (FakeStream* stream : all())
    if (stream->captured_here()) {
      stream->invalidate();
      code = capture_unsupported;
    }
  return code;
}

int FakeStream::wait_for_device() {
  int code = 0;
  for (FakeStream* stream : all()) {
    if (stream->capturing()) code = capture_unsupported;
    stream->invalidate();
    stream->run();
  }
  return code;
}

}  // namespace eqsr_test
