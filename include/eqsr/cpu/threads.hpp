// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/view.hpp>  // Index

#include <algorithm>           // max
#include <atomic>              // atomic
#include <condition_variable>  // condition_variable
#include <cstdint>             // uint64_t
#include <exception>           // exception_ptr
#include <mutex>               // mutex
#include <thread>              // thread
#include <vector>              // vector
#if defined(__linux__)
#include <sched.h>  // sched_getaffinity
#endif

namespace eqsr { inline namespace EQSR_ABI {

/// The cores that this process may run on.
inline int available_cores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return (std::max)(1, CPU_COUNT(&set));
#endif
  return (std::max)(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// A few threads that wait for loops. The caller works too, as thread 0.
class ThreadPool {
 public:
  /// Throws `out_of_memory` if the system refuses a thread.
  explicit ThreadPool(int size) {
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
  ~ThreadPool() { close(); }

  [[nodiscard]] int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Runs `task(index, thread)` for every index. Threads take indices one by one, so uneven tasks
  /// balance. The first exception of a task is thrown here when all threads have stopped.
  template <class Task>
  void run(Index count, const Task& task) {
    run_call(count, &task, [](const void* context, Index index, int thread) {
      (*static_cast<const Task*>(context))(index, thread);
    });
  }

 private:
  void close() {
    {
      const std::scoped_lock lock(mutex_);
      closing_ = true;
    }
    start_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  using Call = void (*)(const void* context, Index index, int thread);

  [[gnu::noinline]] void run_call(Index count, const void* context, Call call) {
    if (workers_.empty() || count <= 1) {
      for (Index i = 0; i < count; ++i) call(context, i, 0);
      return;
    }
    {
      const std::scoped_lock lock(mutex_);
      call_ = call;
      context_ = context;
      count_ = count;
      next_.store(0, std::memory_order_relaxed);
      failure_ = nullptr;
      running_ = static_cast<int>(workers_.size());
      ++round_;
    }
    start_.notify_all();
    drain(0);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
  }
  void work(int thread) {
    for (std::uint64_t seen = 0;;) {
      {
        std::unique_lock lock(mutex_);
        start_.wait(lock, [&] { return closing_ || round_ != seen; });
        if (closing_) return;
        seen = round_;
      }
      drain(thread);
      const std::scoped_lock lock(mutex_);
      if (--running_ == 0) done_.notify_one();
    }
  }
  void drain(int thread) {
    try {
      for (Index i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;)
        call_(context_, i, thread);
    } catch (...) {
      next_.store(count_, std::memory_order_relaxed);
      const std::scoped_lock lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  Call call_ = nullptr;
  const void* context_ = nullptr;
  Index count_ = 0;
  std::atomic<Index> next_{0};
  std::exception_ptr failure_;
  int running_ = 0;
  std::uint64_t round_ = 0;
  bool closing_ = false;
};

}}  // namespace eqsr::EQSR_ABI
