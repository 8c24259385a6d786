// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/tensor.hpp>  // Memory

#include <algorithm>  // find_if
#include <mutex>      // mutex
#include <vector>     // vector

/// Streams, events and graphs of the CUDA runtime, opaque: the same types as cudaStream_t and the
/// others.
struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

using Stream = CUstream_st*;
using Event = CUevent_st*;

/// The calls of the CUDA runtime that the library makes, as a table: a program compiled by nvcc has
/// the runtime's own (runtime.cuh), the tests one that computes on the host and fails where they
/// want. Each returns 0 or a cudaError_t.
struct Runtime {
  int (*allocate)(void** memory, std::size_t bytes);
  int (*deallocate)(void* memory);
  int (*allocate_pinned)(void** memory, std::size_t bytes);  ///< of the host
  int (*free_pinned)(void* memory);
  int (*copy)(void* to, const void* from, std::size_t bytes, Stream);  ///< any direction
  int (*zero)(void* memory, std::size_t bytes, Stream);
  int (*device_count)(int* count);
  int (*use_device)(int device);                ///< of this thread, for what comes
  int (*used_device)(int* device);              ///< of this thread
  int (*device_of)(const void*, int* device);   ///< where memory lies; -1 for that of the host
  int (*capability)(int device, int* version);  ///< 10 times major plus minor
  int (*shared_limit)(int device, int* bytes);  ///< of one block, when it asks for it
  int (*free_memory)(std::size_t* bytes);
  int (*create_stream)(Stream*);
  int (*destroy_stream)(Stream);
  int (*synchronize)(Stream);
  int (*is_capturing)(Stream, bool*);
  int (*create_event)(Event*);
  int (*destroy_event)(Event);
  int (*record_event)(Event, Stream);
  int (*wait_event)(Stream, Event);  ///< what is queued from here on waits
  int (*synchronize_event)(Event);
  int (*allow_shared)(const void* kernel, int bytes);
  int (*launch)(const void* kernel, const unsigned (&grid)[2], unsigned threads, void** params,
                std::size_t shared_bytes, Stream);
  int (*begin_capture)(Stream);
  int (*end_capture)(Stream, CUgraph_st**);
  int (*instantiate)(CUgraphExec_st**, CUgraph_st*);
  int (*destroy_graph)(CUgraph_st*);
  int (*destroy_executable)(CUgraphExec_st*);
  int (*launch_graph)(CUgraphExec_st*, Stream);
  int (*take_error)();  ///< the last error, and forgets it
  const char* (*describe)(int code);
};

/// The table of this program. <eqsr/eqsr.cuh> defines it; a program of C++ files alone has none.
const Runtime& runtime();

/// cudaError_t values that have a code word of their own.
enum : int { out_of_memory = 2, no_driver = 35, no_device = 100 };

/// Throws unless `code` is 0. The sentence names the call. Nothing stays behind in the runtime:
/// the next call starts from success, unless the device itself has failed.
[[gnu::cold, gnu::noinline]] inline void fail_call(int code, const char* call) {
  (void)runtime().take_error();
  const char* reason = runtime().describe(code);
  if (code == out_of_memory)
    detail::fail("out_of_memory",
                 {call, " failed: ", reason,
                  ". Free device memory, or set max_memory of the context to what is free; it can "
                  "be used again."});
  if (code == no_driver || code == no_device)
    detail::fail("no_device",
                 {call, " failed: ", reason,
                  ". There is no NVIDIA GPU here, or its driver is missing or too old. "
                  "Use Context<Cpu>."});
  detail::fail(
      "device_error",
      {call, " failed: ", reason,
       ". If an earlier kernel failed, the device is lost to this process: end it, and run "
       "it under compute-sanitizer to see where."});
}
inline void check(int code, const char* call) {
  if (code != 0) [[unlikely]]
    fail_call(code, call);
}

/// Selects a device on this thread while it lives.
class OnDevice {
 public:
  explicit OnDevice(int device) {
    check(runtime().used_device(&before_), "cudaGetDevice");
    if (device == before_) return;
    check(runtime().use_device(device), "cudaSetDevice");
    changed_ = true;
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() {
    if (changed_ && runtime().use_device(before_) != 0) (void)runtime().take_error();
  }

 private:
  int before_ = 0;
  bool changed_ = false;
};

/// An event: a place in a stream that can be waited for.
class OwnedEvent {
 public:
  OwnedEvent() { check(runtime().create_event(&handle_), "cudaEventCreateWithFlags"); }
  OwnedEvent(OwnedEvent&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  OwnedEvent& operator=(OwnedEvent&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~OwnedEvent() {
    if (handle_ && runtime().destroy_event(handle_) != 0) (void)runtime().take_error();
  }
  void record(Stream stream) const {
    check(runtime().record_event(handle_, stream), "cudaEventRecord");
  }
  void hold_back(Stream stream) const {
    check(runtime().wait_event(stream, handle_), "cudaStreamWaitEvent");
  }
  void wait() const { check(runtime().synchronize_event(handle_), "cudaEventSynchronize"); }

 private:
  Event handle_ = nullptr;
};

/// The streams of all contexts of this process, and one for each device that tensors are copied on.
/// Copies wait for these streams by events. Waiting for a whole device would break what other
/// threads record, and make them wait for work of other libraries. A stream that is being recorded
/// has no work to wait for, and is left alone.
class Streams {
 public:
  /// It is never destroyed: contexts and tensors may be static.
  static Streams& instance() {
    static auto* const streams = new Streams;
    return *streams;
  }
  /// A stream of the selected device.
  void add(Stream stream) {
    const std::scoped_lock lock(mutex_);
    streams_.push_back({stream, {}});
  }
  void remove(Stream stream) noexcept {
    const std::scoped_lock lock(mutex_);
    const auto found = std::find_if(streams_.begin(), streams_.end(),
                                    [&](const Entry& entry) { return entry.stream == stream; });
    if (found != streams_.end()) streams_.erase(found);
  }
  /// The copying stream of a device, behind everything that contexts have queued so far.
  Stream behind_all(int device) {
    const std::scoped_lock lock(mutex_);
    const Stream copies = copying(device);
    for (const Entry& entry : streams_) {
      bool capturing = false;
      check(runtime().is_capturing(entry.stream, &capturing), "cudaStreamIsCapturing");
      if (capturing) continue;
      entry.event.record(entry.stream);
      entry.event.hold_back(copies);
    }
    return copies;
  }
  /// Calls `begin`, which begins to record a stream, while nobody looks at the streams.
  template <class Begin>
  void alone(const Begin& begin) {
    const std::scoped_lock lock(mutex_);
    begin();
  }

 private:
  struct Entry {
    Stream stream;
    OwnedEvent event;
  };
  Stream copying(int device) {
    const auto index = static_cast<std::size_t>(device);
    if (copies_.size() <= index) copies_.resize(index + 1, nullptr);
    if (!copies_[index]) {
      const OnDevice selected(device);
      check(runtime().create_stream(&copies_[index]), "cudaStreamCreateWithFlags");
    }
    return copies_[index];
  }

  std::mutex mutex_;
  std::vector<Entry> streams_;
  std::vector<Stream> copies_;  ///< by device
};

/// The device that memory lies on, or -1 for memory of the host.
inline int device_of(const void* memory) {
  int device = -1;
  check(runtime().device_of(memory, &device), "cudaPointerGetAttributes");
  return device;
}

}}}  // namespace eqsr::EQSR_ABI::gpu

namespace eqsr { inline namespace EQSR_ABI {

/// Device memory: of the device that is selected on this thread when it is allocated, which stays
/// its device. Copies wait for the work that contexts have queued before, not for that of other
/// streams, and are done when they return. They may run while another thread records a graph.
template <>
struct Memory<Cuda> {
  using space = Cuda;
  static void* allocate(std::size_t bytes) {
    void* memory = nullptr;
    gpu::check(gpu::runtime().allocate(&memory, bytes), "cudaMalloc");
    return memory;
  }
  static void deallocate(void* memory) noexcept {
    if (memory && gpu::runtime().deallocate(memory) != 0) (void)gpu::runtime().take_error();
  }
  /// Bytes that may still be allocated on the selected device.
  static std::size_t available() {
    std::size_t bytes = 0;
    gpu::check(gpu::runtime().free_memory(&bytes), "cudaMemGetInfo");
    return bytes;
  }
  static void zero(void* to, std::size_t bytes) {
    if (bytes == 0) return;
    const int device = gpu::device_of(to);
    const gpu::Stream stream = gpu::Streams::instance().behind_all(device);
    gpu::check(gpu::runtime().zero(to, bytes, stream), "cudaMemsetAsync");
    gpu::check(gpu::runtime().synchronize(stream), "cudaStreamSynchronize");
  }
  static void from_host(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
  static void to_host(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    int device = gpu::device_of(to);
    if (device < 0) device = gpu::device_of(from);
    const gpu::Stream stream = gpu::Streams::instance().behind_all((std::max)(device, 0));
    gpu::check(gpu::runtime().copy(to, from, bytes, stream), "cudaMemcpyAsync");
    gpu::check(gpu::runtime().synchronize(stream), "cudaStreamSynchronize");
  }
};

}}  // namespace eqsr::EQSR_ABI
