// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/bands.hpp>  // RowPart

#include <condition_variable>  // condition_variable
#include <mutex>               // mutex
#include <vector>              // vector

namespace eqsr_test {

/// Threads in the place of machines: each waits for the one above, then all for the last.
class Meeting {
 public:
  explicit Meeting(int parts) : parts_(parts) {}

  eqsr::RowPart part(eqsr::Index height, int number) {
    eqsr::RowPart part = eqsr::row_part(height, number, parts_);
    part.meet = [this, number](std::span<double> total, const std::function<void()>& add) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return turn_ == number; });
      if (number > 0) std::copy(sums_.begin(), sums_.end(), total.begin());
      add();
      sums_.assign(total.begin(), total.end());
      ++turn_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return turn_ == parts_; });
      std::copy(sums_.begin(), sums_.end(), total.begin());
      if (++read_ == parts_) turn_ = read_ = 0;
      changed_.notify_all();
      changed_.wait(lock, [&] { return turn_ != parts_; });
    };
    return part;
  }

 private:
  int parts_, turn_ = 0, read_ = 0;
  std::vector<double> sums_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace eqsr_test
