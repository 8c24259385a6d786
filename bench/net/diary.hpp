// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/view.hpp>  // Index

#include <pthread.h>  // pthread_getcpuclockid
#include <time.h>     // clock_gettime

#include <algorithm>  // max_element, min_element
#include <array>      // array
#include <atomic>     // atomic
#include <chrono>     // microseconds
#include <memory>     // unique_ptr
#include <mutex>      // mutex
#include <string>     // string
#include <thread>     // jthread
#include <vector>     // vector

/// Which kind of work each thread does, and how many operations that is: hot loops that say so
/// before they run. Somebody else looks at it from time to time, so that saying it costs one store.
namespace eqsr_bench {

enum class Work {
  waiting,  ///< a thread without a task
  serial,   ///< between parallel loops, on the thread that called
  copies,   ///< in a task, outside of every hot loop: addresses, gathering, copying
  linear,
  convolution,
  attention,  ///< the two products of attention
  transforms,
  epilogue,
  activation,
  norm,
  softmax,
  involution,
  rows,  ///< gates, sums, the head's sum of three: loops over channels without a product
};
inline constexpr std::size_t kinds = 13, first_in_tasks = 2;
inline constexpr std::array<const char*, kinds> names{"waiting",
                                                      "serial",
                                                      "copies, addresses",
                                                      "products: linear",
                                                      "products: convolution",
                                                      "products: attention",
                                                      "Winograd's transforms",
                                                      "epilogues: bias, residual",
                                                      "epilogues with an activation",
                                                      "norms",
                                                      "softmax",
                                                      "involution",
                                                      "gates, means, sums of rows"};

/// A parallel loop: the kernel that it belongs to, and the seconds of its tasks.
struct Loop {
  std::string name;
  std::vector<double> tasks;
};

/// A task of a parallel loop: which loop, and what it took of its thread's own time.
struct Task {
  int loop;
  double seconds;
};

/// What one thread does, and has done.
struct Diary {
  std::atomic<Work> now{Work::waiting};
  std::array<double, kinds> operations{};
  std::array<int, kinds> seen{};  ///< how often somebody looked and saw it
  std::vector<Task> tasks;
  clockid_t clock{};
  double begun = 0, looked = 0;

  /// Sees what the thread does, if it has done something since the last look.
  void look() {
    const double time = cpu_seconds();
    if (time < looked + 2e-5) return;
    looked = time;
    ++seen[static_cast<std::size_t>(now.load(std::memory_order_relaxed))];
  }
  void begin() {
    operations.fill(0);
    seen.fill(0);
    tasks.clear();
    begun = looked = cpu_seconds();
  }
  /// The thread's own time.
  [[nodiscard]] double cpu_seconds() const {
    timespec time{};
    clock_gettime(clock, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
  }
};

/// The diaries of all threads, and the thread that looks at them.
class Diaries {
 public:
  static Diaries& all() {
    static Diaries diaries;
    return diaries;
  }
  /// The calling thread's.
  static Diary& mine() {
    static thread_local Diary* diary = all().add();
    return *diary;
  }
  /// From here on: nothing is done yet.
  void begin() {
    const std::scoped_lock lock(mutex_);
    for (const auto& diary : diaries_) diary->begin();
    loops_.clear();
  }
  /// The number of a loop that begins.
  int next_loop(const std::string& name) {
    loops_.push_back({name, {}});
    return static_cast<int>(loops_.size()) - 1;
  }

  /// All threads together: seconds and operations of each kind, and the tasks of each loop. The
  /// seconds of tasks are divided into kinds by how often each was seen.
  struct Sums {
    std::array<double, kinds> seconds{}, operations{};
    std::vector<Loop> loops;
  };
  Sums sums() {
    const std::scoped_lock lock(mutex_);
    Sums result;
    result.loops = loops_;
    std::array<double, kinds> seen{};
    double in_tasks = 0, all_seen = 0;
    for (const auto& diary : diaries_) {
      double others = diary->cpu_seconds() - diary->begun;
      for (const Task& task : diary->tasks) {
        result.loops[static_cast<std::size_t>(task.loop)].tasks.push_back(task.seconds);
        in_tasks += task.seconds;
        others -= task.seconds;
      }
      result.seconds[static_cast<std::size_t>(diary->now.load())] += others;
      for (std::size_t i = 0; i < kinds; ++i) {
        result.operations[i] += diary->operations[i];
        if (i >= first_in_tasks) {
          seen[i] += diary->seen[i];
          all_seen += diary->seen[i];
        }
      }
    }
    for (std::size_t i = first_in_tasks; i < kinds; ++i)
      result.seconds[i] = in_tasks * seen[i] / all_seen;
    return result;
  }

 private:
  Diaries()
      : looker_([this](const std::stop_token& stop) {
          for (unsigned i = 0; !stop.stop_requested(); ++i) {
            std::this_thread::sleep_for(std::chrono::microseconds(150 + i * 37 % 100));
            const std::scoped_lock lock(mutex_);
            for (const auto& diary : diaries_) diary->look();
          }
        }) {}
  Diary* add() {
    const std::scoped_lock lock(mutex_);
    diaries_.push_back(std::make_unique<Diary>());
    pthread_getcpuclockid(pthread_self(), &diaries_.back()->clock);
    diaries_.back()->begin();
    return diaries_.back().get();
  }
  std::mutex mutex_;
  std::vector<Loop> loops_;
  std::vector<std::unique_ptr<Diary>> diaries_;
  std::jthread looker_;
};

/// The calling thread does this now, and afterwards again what it did before.
class Doing {
 public:
  explicit Doing(Work work, double operations = 0) : diary_(Diaries::mine()) {
    before_ = diary_.now.load(std::memory_order_relaxed);
    diary_.now.store(work, std::memory_order_relaxed);
    diary_.operations[static_cast<std::size_t>(work)] += operations;
  }
  Doing(const Doing&) = delete;
  Doing& operator=(const Doing&) = delete;
  ~Doing() { diary_.now.store(before_, std::memory_order_relaxed); }

 private:
  Diary& diary_;
  Work before_;
};

/// The time that loops take on so many cores, one after the other, each task given to the core that
/// is free first.
inline double list_schedule(const std::vector<Loop>& loops, int cores) {
  double sum = 0;
  for (const Loop& loop : loops) {
    std::vector<double> busy(static_cast<std::size_t>(cores));
    for (const double seconds : loop.tasks) *std::min_element(busy.begin(), busy.end()) += seconds;
    sum += *std::max_element(busy.begin(), busy.end());
  }
  return sum;
}

}  // namespace eqsr_bench
