// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/tensor.hpp>  // Memory

/// Streams and graphs of the CUDA runtime, opaque: the same types as cudaStream_t and the others.
struct CUstream_st;
struct CUgraph_st;
struct CUgraphExec_st;

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

using Stream = CUstream_st*;

/// The calls of the CUDA runtime that the library makes, as a table: a program compiled by nvcc has
/// the runtime's own (runtime.cuh), the tests one that computes on the host and fails where they
/// want. Each returns 0 or a cudaError_t.
struct Runtime {
  int (*allocate)(void** memory, std::size_t bytes);
  int (*deallocate)(void* memory);
  int (*copy)(void* to, const void* from, std::size_t bytes, Stream);  ///< any direction
  int (*zero)(void* memory, std::size_t bytes, Stream);
  int (*device_count)(int* count);
  int (*use_device)(int device);
  int (*shared_limit)(int device, int* bytes);  ///< of one block, when it asks for it
  int (*free_memory)(std::size_t* bytes);
  int (*create_stream)(Stream*);
  int (*destroy_stream)(Stream);
  int (*synchronize)(Stream);
  int (*synchronize_device)();
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

}}}  // namespace eqsr::EQSR_ABI::gpu

namespace eqsr { inline namespace EQSR_ABI {

/// Device memory. Copies wait for all work on the device before and are done when they return.
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
  /// Bytes that may still be allocated.
  static std::size_t available() {
    std::size_t bytes = 0;
    gpu::check(gpu::runtime().free_memory(&bytes), "cudaMemGetInfo");
    return bytes;
  }
  static void zero(void* to, std::size_t bytes) {
    gpu::check(gpu::runtime().zero(to, bytes, nullptr), "cudaMemsetAsync");
    gpu::check(gpu::runtime().synchronize(nullptr), "cudaStreamSynchronize");
  }
  static void from_host(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
  static void to_host(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes == 0) return;
    gpu::check(gpu::runtime().synchronize_device(), "cudaDeviceSynchronize");
    gpu::check(gpu::runtime().copy(to, from, bytes, nullptr), "cudaMemcpyAsync");
    gpu::check(gpu::runtime().synchronize(nullptr), "cudaStreamSynchronize");
  }
};

}}  // namespace eqsr::EQSR_ABI
