// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>
#include <utility>

namespace tool {

/// Work behind the caller's: one thread does what is posted, in order, while the caller goes on.
/// What waits holds at most `limit` bytes; a task that alone holds more is waited for.
class BackgroundWriter {
 public:
  /// Without `beside`, tasks are done at once by the caller.
  BackgroundWriter(bool beside, std::size_t limit) : limit_(limit) {
    if (beside) thread_ = std::thread([this] { run(); });
  }
  BackgroundWriter(const BackgroundWriter&) = delete;
  BackgroundWriter& operator=(const BackgroundWriter&) = delete;
  /// What still waits is dropped, not done.
  ~BackgroundWriter() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// `task` must not throw. It keeps `bytes` of memory until it is done.
  void post(std::size_t bytes, std::function<void()> task) {
    if (!thread_.joinable()) return task();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.empty() || held_ + bytes <= limit_; });
    held_ += bytes;
    waiting_.push({bytes, std::move(task)});
    changed_.notify_all();
    if (bytes > limit_) changed_.wait(lock, [&] { return waiting_.empty(); });
  }

  /// Until everything is done.
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.empty(); });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return ended_ || !waiting_.empty(); });
      if (ended_) return;
      auto [bytes, task] = std::move(waiting_.front());
      lock.unlock();
      task();
      task = nullptr;  // and with it the memory
      lock.lock();
      waiting_.pop();
      held_ -= bytes;
      changed_.notify_all();
    }
  }

  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<std::pair<std::size_t, std::function<void()>>> waiting_;  // the front is being done
  std::size_t held_ = 0;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace tool
