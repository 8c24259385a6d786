// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/launch.hpp>  // entry, Runtime

#include "cuda/emulation/emulated.hpp"
#include "cuda/emulation/stream.hpp"

#include <atomic>      // atomic
#include <functional>  // function
#include <string>      // string
#include <vector>      // vector

namespace eqsr_test {

/// A kernel of the emulation: what `gpu::entry` points to.
struct EmulatedKernel {
  std::size_t params_size;
  int max_threads;
  void (*run)(Block& block, int thread, int x, int y, const void* params);
};

/// The fake CUDA runtime: computes on the host, in the memory of DeviceMemory. Several threads may
/// call it; kernels run one at a time.
struct FakeCuda {
  static FakeCuda& instance();

  int devices = 1;
  int capability = 90;            ///< of each device
  int shared_limit = 227 * 1024;  ///< of a block; sm_90
  std::atomic<long> calls = 0;    ///< made so far
  long fail_at = -1;              ///< the call that fails, counted from 0
  int fail_with = 999;
  int last_error = 0;                       ///< what take_error will say
  bool computes = true;                     ///< else kernels of more than a warp are not run
  bool backwards = false;                   ///< run blocks and threads in the opposite order
  bool late = false;                        ///< streams work when somebody waits for them
  int streams = 0, graphs = 0, events = 0;  ///< alive; tensors are copied on a stream that stays
  int pinned = 0;                           ///< pieces of memory of the host, alive
  long launches = 0, graph_launches = 0, captures = 0;
  int largest_shared = 0;                 ///< bytes that a block asked for so far
  std::string failed_call;                ///< the last that failed on request
  bool last_failed_was_cleanup = false;   ///< whether it frees or destroys something
  bool last_failed_in_recording = false;  ///< whether the calling thread was recording
  /// Called once, by the next launch that is captured, before it.
  std::function<void()> in_capture;

  /// What another library that waits for the device does.
  static void wait_for_device();
  [[nodiscard]] static bool capturing();
  /// The device of the calling thread.
  static int& current();
};

/// Calls of the runtime that failed: a test makes the n-th fail.
class FailAt {
 public:
  FailAt(long call, int code) {
    FakeCuda& fake = FakeCuda::instance();
    fake.fail_at = fake.calls + call;
    fake.fail_with = code;
  }
  FailAt(const FailAt&) = delete;
  FailAt& operator=(const FailAt&) = delete;
  ~FailAt() { FakeCuda::instance().fail_at = -1; }
};

/// A machine as a test wants it, until the end of the scope.
class Machine {
 public:
  struct Is {
    int devices = 1, capability = 90, shared_limit = 227 * 1024;
    bool late = false;
  };
  explicit Machine(const Is& is) { set(is); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() {
    FakeCuda::current() = 0;
    set({});
  }

 private:
  static void set(const Is& is) {
    FakeCuda& fake = FakeCuda::instance();
    fake.devices = is.devices;
    fake.capability = is.capability;
    fake.shared_limit = is.shared_limit;
    fake.late = is.late;
  }
};

/// The kernel body as the fake runtime runs it.
template <class Body>
const EmulatedKernel& emulated() {
  static const EmulatedKernel kernel{
      sizeof(typename Body::Params), Body::max_threads,
      [](Block& block, int thread, int x, int y, const void* params) {
        Emulated exec(block, thread, x, y);
        Body::run(exec, *static_cast<const typename Body::Params*>(params));
      }};
  return kernel;
}

}  // namespace eqsr_test

template <class Body>
const void* eqsr::gpu::entry() {
  return &eqsr_test::emulated<Body>();
}
