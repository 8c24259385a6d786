// SPDX-License-Identifier: Apache-2.0
// What native.py calls: each operation and its gradients in one pass each, on contiguous float32
// arrays. Results need not be initialised. Every sum is taken in an order that depends on the
// number of threads alone.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

// Shares [0, n) out: use(begin, end) on each of `threads` threads.
template <class Use>
void parallel(int64_t n, int64_t threads, Use use) {
  threads = std::max<int64_t>(1, std::min(threads, n));
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (int64_t t = 0; t < threads; ++t) use(n * t / threads, n * (t + 1) / threads);
}

// Sums of which each thread has a part; the parts are added in turn.
class Parts {
 public:
  Parts(int64_t threads, int64_t size) : size_(size), values_(threads * size) {}

  float* of(int64_t thread) { return values_.data() + thread * size_; }

  // The totals of `count` sums from `first` on; nothing where `to` is null.
  void total(int64_t first, int64_t count, float* to) const {
    if (!to) return;
    std::fill(to, to + count, 0.f);
    for (size_t part = first; part < values_.size(); part += size_)
      for (int64_t i = 0; i < count; ++i) to[i] += values_[part + i];
  }

 private:
  int64_t size_;
  std::vector<float> values_;
};
