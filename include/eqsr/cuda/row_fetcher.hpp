// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/view.hpp>     // Plane
#include <eqsr/cuda/runtime.hpp>  // OwnedEvent, Stream

#include <vector>  // vector

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// Memory of the host that the device reads and writes by itself (pinned), while others compute.
/// Where the system has none to give it is ordinary memory: copies then take turns with the host.
class HostBuffer {
 public:
  HostBuffer() = default;
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;
  ~HostBuffer() { release(); }

  /// At least so many floats; what was in it is gone if it grows.
  float* of(std::size_t count) {
    if (count <= count_) return pinned_ ? pinned_ : ordinary_.data();
    release();
    void* memory = nullptr;
    if (runtime().allocate_pinned(&memory, count * sizeof(float)) == 0)
      pinned_ = static_cast<float*>(memory);
    else
      (void)runtime().take_error();
    if (!pinned_) ordinary_.resize(count);
    count_ = count;
    return pinned_ ? pinned_ : ordinary_.data();
  }

 private:
  void release() noexcept {
    count_ = 0;
    ordinary_.clear();
    float* const memory = std::exchange(pinned_, nullptr);
    if (memory && runtime().free_pinned(memory) != 0) (void)runtime().take_error();
  }
  float* pinned_ = nullptr;
  std::vector<float> ordinary_;
  std::size_t count_ = 0;
};

/// Brings bands of a picture to the host, one while the next is computed: on a stream of its own,
/// by turns into two buffers. Only events are waited for.
///
/// A band's rows on the device must stay as they are until the band after the next is queued.
class RowFetcher {
 public:
  RowFetcher() { check(runtime().create_stream(&copies_), "cudaStreamCreateWithFlags"); }
  RowFetcher(const RowFetcher&) = delete;
  RowFetcher& operator=(const RowFetcher&) = delete;
  ~RowFetcher() {
    drop();
    if (runtime().destroy_stream(copies_) != 0) (void)runtime().take_error();
  }

  /// Queues the copy of a band behind what `work` has queued. At most one other may be on its way.
  void fetch(Stream work, Index y, Plane<const float, 3> rows) {
    Band& band = bands_[next_];
    next_ = 1 - next_;
    float* const memory = band.memory.of(static_cast<std::size_t>(rows.size()));
    band.computed.record(work);
    band.computed.hold_back(copies_);
    band.y = y;
    band.rows = Plane<float, 3>(memory, rows.extent<'h'>(), rows.extent<'w'>());
    band.on_its_way = true;
    check(runtime().copy(memory, rows.data(), static_cast<std::size_t>(rows.size()) * sizeof(float),
                         copies_),
          "cudaMemcpyAsync");
    band.copied.record(copies_);
  }
  /// Bands whose copies are queued.
  [[nodiscard]] int on_their_way() const { return bands_[0].on_its_way + bands_[1].on_its_way; }
  /// Waits for the oldest, and calls `f(y, rows)` with it on the host.
  template <class F>
  void hand_on(const F& f) {
    Band& band = bands_[next_].on_its_way ? bands_[next_] : bands_[1 - next_];
    band.copied.wait();
    band.on_its_way = false;
    f(band.y, band.rows);
  }
  /// Waits for copies that nobody wants any more, since their call has failed: their memory is
  /// used again.
  void drop() noexcept {
    if (on_their_way() > 0 && runtime().synchronize(copies_) != 0) (void)runtime().take_error();
    for (Band& band : bands_) band.on_its_way = false;
  }

 private:
  struct Band {
    HostBuffer memory;
    OwnedEvent computed, copied;
    Index y = 0;
    Plane<float, 3> rows{};
    bool on_its_way = false;
  };
  Stream copies_ = nullptr;
  Band bands_[2];
  int next_ = 0;
};

}}}  // namespace eqsr::EQSR_ABI::gpu
