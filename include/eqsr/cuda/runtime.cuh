// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/runtime.hpp>  // Runtime

#include <cuda_runtime_api.h>

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// The CUDA runtime. Weak: every file compiled by nvcc may define it, and one is kept.
[[gnu::weak]] const Runtime& runtime() {
  static const Runtime table{
      .allocate = [](void** memory, std::size_t bytes) -> int { return cudaMalloc(memory, bytes); },
      .deallocate = [](void* memory) -> int { return cudaFree(memory); },
      .allocate_pinned = [](void** memory, std::size_t bytes) -> int {
        return cudaHostAlloc(memory, bytes, cudaHostAllocPortable);
      },
      .free_pinned = [](void* memory) -> int { return cudaFreeHost(memory); },
      .copy = [](void* to, const void* from, std::size_t bytes, Stream stream) -> int {
        return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
      },
      .zero = [](void* memory, std::size_t bytes, Stream stream) -> int {
        return cudaMemsetAsync(memory, 0, bytes, stream);
      },
      .device_count = [](int* count) -> int { return cudaGetDeviceCount(count); },
      .use_device = [](int device) -> int { return cudaSetDevice(device); },
      .used_device = [](int* device) -> int { return cudaGetDevice(device); },
      .device_of = [](const void* memory, int* device) -> int {
        cudaPointerAttributes found{};
        const int code = cudaPointerGetAttributes(&found, memory);
        const bool there =
            found.type == cudaMemoryTypeDevice || found.type == cudaMemoryTypeManaged;
        *device = code == 0 && there ? found.device : -1;
        return code;
      },
      .capability = [](int device, int* version) -> int {
        int major = 0, minor = 0;
        const int code = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
        if (code != 0) return code;
        const int next = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
        *version = 10 * major + minor;
        return next;
      },
      .shared_limit = [](int device, int* bytes) -> int {
        return cudaDeviceGetAttribute(bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
      },
      .free_memory = [](std::size_t* bytes) -> int {
        std::size_t total = 0;
        return cudaMemGetInfo(bytes, &total);
      },
      .create_stream = [](Stream* stream) -> int {
        return cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
      },
      .destroy_stream = [](Stream stream) -> int { return cudaStreamDestroy(stream); },
      .synchronize = [](Stream stream) -> int { return cudaStreamSynchronize(stream); },
      .is_capturing = [](Stream stream, bool* yes) -> int {
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        const int code = cudaStreamIsCapturing(stream, &status);
        *yes = status != cudaStreamCaptureStatusNone;
        return code;
      },
      .create_event = [](Event* event) -> int {
        return cudaEventCreateWithFlags(event, cudaEventDisableTiming);
      },
      .destroy_event = [](Event event) -> int { return cudaEventDestroy(event); },
      .record_event = [](Event event, Stream stream) -> int {
        return cudaEventRecord(event, stream);
      },
      .wait_event = [](Stream stream, Event event) -> int {
        return cudaStreamWaitEvent(stream, event, 0);
      },
      .synchronize_event = [](Event event) -> int { return cudaEventSynchronize(event); },
      .allow_shared = [](const void* kernel, int bytes) -> int {
        return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
      },
      .launch = [](const void* kernel, const unsigned(&grid)[2], unsigned threads, void** params,
                   std::size_t shared_bytes, Stream stream) -> int {
        return cudaLaunchKernel(kernel, dim3(grid[0], grid[1]), dim3(threads), params, shared_bytes,
                                stream);
      },
      .begin_capture = [](Stream stream) -> int {
        return cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
      },
      .end_capture = [](Stream stream, CUgraph_st** graph) -> int {
        return cudaStreamEndCapture(stream, graph);
      },
      .instantiate = [](CUgraphExec_st** executable, CUgraph_st* graph) -> int {
        return cudaGraphInstantiate(executable, graph, 0);
      },
      .destroy_graph = [](CUgraph_st* graph) -> int { return cudaGraphDestroy(graph); },
      .destroy_executable = [](CUgraphExec_st* graph) -> int {
        return cudaGraphExecDestroy(graph);
      },
      .launch_graph = [](CUgraphExec_st* graph, Stream stream) -> int {
        return cudaGraphLaunch(graph, stream);
      },
      .take_error = []() -> int { return cudaGetLastError(); },
      .describe = [](int code) { return cudaGetErrorString(static_cast<cudaError_t>(code)); },
  };
  return table;
}

}}}  // namespace eqsr::EQSR_ABI::gpu
