// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/control_groups.hpp>  // group_cores
#include <eqsr/core/function_ref.hpp>    // FunctionRef
#include <eqsr/core/system.hpp>          // process_id
#include <eqsr/core/view.hpp>            // Index

#include <algorithm>           // max
#include <atomic>              // atomic
#include <condition_variable>  // condition_variable
#include <cstdint>             // uint64_t
#include <exception>           // exception_ptr
#include <mutex>               // mutex
#include <new>
#include <string>  // string
#include <thread>  // thread
#include <vector>  // vector

namespace eqsr { inline namespace EQSR_ABI {

/// The cores that this process may run on: those of its affinity, or fewer where a control group
/// grants less processor time (a quota of one and a half cores keeps two threads busy). `root` is
/// for tests: it stands in front of the paths below /proc and /sys.
[[gnu::noinline]] inline int available_cores(const std::string& root = "") {
  std::size_t cores = detail::system::cores_by_affinity();
  if (cores == 0) cores = std::thread::hardware_concurrency();
  if (const std::size_t quota = detail::group_cores(root); quota > 0)
    cores = (std::min)(cores, quota);
  return static_cast<int>((std::max)(cores, std::size_t{1}));
}

/// A condition variable that its owner destroys, or not: the child of a fork has a copy on which
/// threads seem to wait that it does not have, and would wait for them.
union Signal {
  std::condition_variable variable{};
  Signal() {}
  ~Signal() {}
};

/// A few threads that wait for loops. The caller works too, as thread 0.
///
/// They are threads of the process that made them. In its child after fork() a loop throws `forked`
/// instead of waiting for ever, and the destructor waits for nobody.
class ThreadPool {
 public:
  /// Throws `out_of_memory` if the system refuses a thread.
  [[gnu::cold]] explicit ThreadPool(int size) {
    try {
      for (int t = 1; t < size; ++t) workers_.emplace_back([this, t] { work(t); });
    } catch (const std::exception&) {
      const int started = this->size();
      close();
      detail::fail("out_of_memory", {"Only ", started, " of ", size,
                                     " threads could be started. Use fewer threads."});
    }
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() {
    if (!is_forked()) {
      close();
      start_.variable.~condition_variable();
      done_.variable.~condition_variable();
    } else {
      for (std::thread& worker : workers_) new (&worker) std::thread;  // nobody to join
    }
  }

  [[nodiscard]] int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Runs `task(index, thread)` for every index. Threads take indices one by one, so uneven tasks
  /// balance. The first exception of a task is thrown here when all threads have stopped.
  [[gnu::noinline]] void run(Index count, FunctionRef<void(Index, int)> task) {
    EQSR_EXPECTS(!is_forked(), "forked",
                 "This context belongs to the parent process: fork() copies no threads. Make a "
                 "context of its own in the child.");
    if (workers_.empty() || count <= 1) {
      for (Index i = 0; i < count; ++i) task(i, 0);
      return;
    }
    {
      const std::scoped_lock lock(mutex_);
      task_ = &task;
      count_ = count;
      next_.store(0, std::memory_order_relaxed);
      failure_ = nullptr;
      running_ = static_cast<int>(workers_.size());
      ++round_;
    }
    start_.variable.notify_all();
    drain(0);
    look_out([this] { return running_.load(std::memory_order_acquire) == 0; });
    std::unique_lock lock(mutex_);
    done_.variable.wait(lock, [this] { return running_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  [[nodiscard]] bool is_forked() const { return detail::system::process_id() != owner_; }
  std::int64_t owner_ = detail::system::process_id();

  void close() {
    {
      const std::scoped_lock lock(mutex_);
      closing_ = true;
    }
    start_.variable.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  void work(int thread) {
    for (std::uint64_t seen = 0;;) {
      look_out([&] { return round_.load(std::memory_order_acquire) != seen; });
      {
        std::unique_lock lock(mutex_);
        start_.variable.wait(lock, [&] { return closing_ || round_ != seen; });
        if (closing_) return;
        seen = round_;
      }
      drain(thread);
      const std::scoped_lock lock(mutex_);
      if (--running_ == 0) done_.variable.notify_one();
    }
  }
  /// Looks for about a tenth of a millisecond whether it has happened: between the loops of a
  /// network that is faster than to fall asleep and be woken.
  template <class Condition>
  static void look_out(const Condition& has_happened) {
    for (int looks = 0; looks < 300 && !has_happened(); ++looks) std::this_thread::yield();
  }
  void drain(int thread) {
    try {
      for (Index i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;)
        (*task_)(i, thread);
    } catch (...) {
      next_.store(count_, std::memory_order_relaxed);
      const std::scoped_lock lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  Signal start_, done_;
  const FunctionRef<void(Index, int)>* task_ = nullptr;
  Index count_ = 0;
  std::atomic<Index> next_{0};
  std::exception_ptr failure_;
  std::atomic<int> running_{0};
  std::atomic<std::uint64_t> round_{0};
  bool closing_ = false;
};

}}  // namespace eqsr::EQSR_ABI
