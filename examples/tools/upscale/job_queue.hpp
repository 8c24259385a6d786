// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

#include "files.hpp"

namespace tool {

/// The jobs of a run, taken one by one by whoever is free. Each worker begins with one of its own,
/// so that two pictures go to two devices, however early the first one asks for its next.
class JobQueue {
 public:
  explicit JobQueue(std::span<const Job> jobs, std::size_t workers = 1)
      : jobs_(jobs), begun_(workers, false), next_(workers) {}

  [[nodiscard]] std::size_t size() const { return jobs_.size(); }

  /// Null when none is left.
  const Job* take(std::size_t worker = 0) {
    const std::lock_guard lock(mutex_);
    if (!begun_[worker]) {
      begun_[worker] = true;
      if (worker < jobs_.size()) return &jobs_[worker];
    }
    if (!given_back_.empty()) {
      const Job* const job = given_back_.back();
      given_back_.pop_back();
      return job;
    }
    return next_ < jobs_.size() ? &jobs_[next_++] : nullptr;
  }
  /// For somebody else.
  void give_back(const Job* job) {
    const std::lock_guard lock(mutex_);
    given_back_.push_back(job);
  }

 private:
  const std::span<const Job> jobs_;
  std::mutex mutex_;
  std::vector<bool> begun_;
  std::size_t next_;
  std::vector<const Job*> given_back_;
};

}  // namespace tool
