// SPDX-License-Identifier: Apache-2.0
#include "cuda/emulation/runtime.hpp"

#include <cstring>
#include <exception>
#include <map>
#include <memory>

namespace eqsr_test {

FakeCuda& FakeCuda::instance() {
  static FakeCuda fake;
  return fake;
}

namespace {

FakeCuda& fake() { return FakeCuda::instance(); }
DeviceMemory& memory() { return DeviceMemory::instance(); }

/// What every call does first: counts, and fails if it is the chosen one.
int called(const char* name) {
  if (fake().calls++ != fake().fail_at) return 0;
  fake().failed_call = name;
  fake().last_failed_was_cleanup = std::strstr(name, "Free") || std::strstr(name, "Destroy");
  return fake().last_error = fake().fail_with;
}
int error(int code) { return fake().last_error = code; }

struct Opaque {
  std::vector<std::function<void()>> work;
};

std::map<const void*, int> allowed_shared;

void run_kernel(const EmulatedKernel& kernel, int x, int y, int threads, std::size_t shared_bytes,
                const void* params) {
  if (!fake().computes && threads > 32) return;
  // Blocks are kept: their fibers' stacks cost more than all the rest of a small launch.
  static std::map<std::pair<int, std::size_t>, std::unique_ptr<Block>> blocks;
  auto& block = blocks[{threads, shared_bytes}];
  if (!block) block = std::make_unique<Block>(threads, shared_bytes);
  memory().begin_launch();
  const int count = x * y;
  for (int i = 0; i < count; ++i) {
    const int b = fake().backwards ? count - 1 - i : i;
    block->run(b, fake().backwards,
               [&](int thread) { kernel.run(*block, thread, b % x, b / x, params); });
  }
}

/// Does it now, or records it.
void queue(std::function<void()> work) {
  if (fake().capturing)
    fake().recorded.push_back(std::move(work));
  else
    work();
}

const eqsr::gpu::Runtime& table() {
  using eqsr::gpu::Stream;
  static const eqsr::gpu::Runtime table{
      .allocate =
          [](void** to, std::size_t bytes) {
            if (const int code = called("cudaMalloc")) return code;
            if (fake().capturing) return error(900);
            *to = memory().allocate(bytes);
            if (*to && !fake().computes)
              memory().touch_range(std::memset(*to, 0, bytes), bytes, true);
            return *to ? 0 : error(eqsr::gpu::out_of_memory);
          },
      .deallocate =
          [](void* pointer) {
            memory().free(pointer);  // frees even where it reports an earlier failure
            return called("cudaFree");
          },
      .copy =
          [](void* to, const void* from, std::size_t bytes, Stream stream) {
            if (const int code = called("cudaMemcpyAsync")) return code;
            if (fake().capturing && !stream) return error(906);
            queue([=] {
              const auto device = [&](const void* p) { return memory().owns(p); };
              if (device(from)) memory().touch_range(from, bytes, false);
              if (bytes > 0) std::memcpy(to, from, bytes);
              if (device(to)) memory().touch_range(to, bytes, true);
            });
            return 0;
          },
      .zero =
          [](void* to, std::size_t bytes, Stream stream) {
            if (const int code = called("cudaMemsetAsync")) return code;
            if (fake().capturing && !stream) return error(906);
            queue([=] {
              std::memset(to, 0, bytes);
              memory().touch_range(to, bytes, true);
            });
            return 0;
          },
      .device_count =
          [](int* count) {
            *count = fake().devices;
            if (const int code = called("cudaGetDeviceCount")) return code;
            return fake().devices > 0 ? 0 : error(eqsr::gpu::no_device);
          },
      .use_device = [](int) { return called("cudaSetDevice"); },
      .shared_limit =
          [](int, int* bytes) {
            *bytes = fake().shared_limit;
            return called("cudaDeviceGetAttribute");
          },
      .free_memory =
          [](std::size_t* bytes) {
            *bytes = memory().limit - memory().in_use();
            return called("cudaMemGetInfo");
          },
      .create_stream =
          [](Stream* stream) {
            if (const int code = called("cudaStreamCreateWithFlags")) return code;
            ++fake().streams;
            *stream = reinterpret_cast<Stream>(new Opaque);
            return 0;
          },
      .destroy_stream =
          [](Stream stream) {
            delete reinterpret_cast<Opaque*>(stream);
            --fake().streams;
            return called("cudaStreamDestroy");
          },
      .synchronize =
          [](Stream) {
            if (const int code = called("cudaStreamSynchronize")) return code;
            return fake().capturing ? error(900) : 0;
          },
      .synchronize_device =
          [] {
            if (const int code = called("cudaDeviceSynchronize")) return code;
            return fake().capturing ? error(900) : 0;
          },
      .allow_shared =
          [](const void* kernel, int bytes) {
            if (const int code = called("cudaFuncSetAttribute")) return code;
            if (bytes > fake().shared_limit) return error(1);
            allowed_shared[kernel] = bytes;
            return 0;
          },
      .launch =
          [](const void* entry, const unsigned(&grid)[2], unsigned threads, void** params,
             std::size_t shared_bytes, Stream) {
            if (const int code = called("cudaLaunchKernel")) return code;
            const auto& kernel = *static_cast<const EmulatedKernel*>(entry);
            const auto limit = allowed_shared.contains(entry) ? allowed_shared[entry] : 48 * 1024;
            if (threads > static_cast<unsigned>(kernel.max_threads) ||
                shared_bytes > static_cast<std::size_t>(limit))
              return error(1);
            ++fake().launches;
            fake().largest_shared = std::max(fake().largest_shared, int(shared_bytes));
            const auto* bytes = static_cast<const std::byte*>(params[0]);
            queue([&kernel, shared_bytes, threads, x = int(grid[0]), y = int(grid[1]),
                   copy = std::vector<std::byte>(bytes, bytes + kernel.params_size)] {
              run_kernel(kernel, x, y, int(threads), shared_bytes, copy.data());
            });
            return 0;
          },
      .begin_capture =
          [](Stream) {
            if (const int code = called("cudaStreamBeginCapture")) return code;
            fake().capturing = true;
            return 0;
          },
      .end_capture =
          [](Stream, CUgraph_st** graph) {
            fake().capturing = false;
            auto* holder = new Opaque{std::move(fake().recorded)};
            fake().recorded.clear();
            if (const int code = called("cudaStreamEndCapture")) {
              delete holder;
              return code;
            }
            ++fake().graphs;
            *graph = reinterpret_cast<CUgraph_st*>(holder);
            return 0;
          },
      .instantiate =
          [](CUgraphExec_st** executable, CUgraph_st* graph) {
            if (const int code = called("cudaGraphInstantiate")) return code;
            ++fake().graphs;
            *executable =
                reinterpret_cast<CUgraphExec_st*>(new Opaque(*reinterpret_cast<Opaque*>(graph)));
            return 0;
          },
      .destroy_graph =
          [](CUgraph_st* graph) {
            delete reinterpret_cast<Opaque*>(graph);
            --fake().graphs;
            return called("cudaGraphDestroy");
          },
      .destroy_executable =
          [](CUgraphExec_st* graph) {
            delete reinterpret_cast<Opaque*>(graph);
            --fake().graphs;
            return called("cudaGraphExecDestroy");
          },
      .launch_graph =
          [](CUgraphExec_st* graph, Stream) {
            if (const int code = called("cudaGraphLaunch")) return code;
            ++fake().graph_launches;
            for (const auto& work : reinterpret_cast<Opaque*>(graph)->work) work();
            return 0;
          },
      .take_error =
          [] {
            const int code = fake().last_error;
            fake().last_error = 0;
            return code;
          },
      .describe =
          [](int code) {
            return code == eqsr::gpu::out_of_memory ? "out of memory"
                   : code == eqsr::gpu::no_device   ? "no CUDA-capable device is detected"
                                                    : "an error that the test asked for";
          }};
  return table;
}

}  // namespace
}  // namespace eqsr_test

const eqsr::gpu::Runtime& eqsr::gpu::runtime() { return eqsr_test::table(); }
