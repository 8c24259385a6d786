// SPDX-License-Identifier: Apache-2.0
#include "cuda/emulation/runtime.hpp"

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

namespace eqsr_test {

FakeCuda& FakeCuda::instance() {
  static FakeCuda fake;
  return fake;
}
int& FakeCuda::current() {
  static thread_local int device = 0;
  return device;
}
bool FakeCuda::capturing() {
  for (const FakeStream* stream : FakeStream::all())
    if (stream->capturing()) return true;
  return false;
}

namespace {

using eqsr::gpu::Event;
using eqsr::gpu::Stream;

FakeCuda& fake() { return FakeCuda::instance(); }
DeviceMemory& memory() { return DeviceMemory::instance(); }
FakeStream* of(Stream stream) { return reinterpret_cast<FakeStream*>(stream); }
FakeEvent* of(Event event) { return reinterpret_cast<FakeEvent*>(event); }

std::recursive_mutex& mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}
int error(int code) { return code == 0 ? 0 : fake().last_error = code; }

bool this_thread_captures() {
  for (const FakeStream* stream : FakeStream::all())
    if (stream->captured_here()) return true;
  return false;
}

/// A call of the runtime: counts, fails if it is the chosen one, and does `work` otherwise. What
/// frees or destroys does its work even where it reports a failure.
template <class Work>
int called(const char* name, const Work& work) {
  const std::scoped_lock lock(mutex());
  const bool cleanup = std::strstr(name, "Free") || std::strstr(name, "Destroy");
  const bool fails = fake().calls++ == fake().fail_at;
  if (fails) {
    fake().failed_call = name;
    fake().last_failed_was_cleanup = cleanup;
    fake().last_failed_in_recording =
        this_thread_captures() || std::strstr(name, "Capture") || std::strstr(name, "Instantiate");
  }
  const int code = fails && !cleanup ? 0 : error(work());
  return fails ? error(fake().fail_with) : code;
}

std::map<std::pair<const void*, int>, int> allowed_shared;  // by kernel and device

void run_kernel(const EmulatedKernel& kernel, int device, int x, int y, int threads,
                std::size_t shared_bytes, const void* params) {
  if (!fake().computes && threads > 32) return;
  // Blocks are kept: their fibers' stacks cost more than all the rest of a small launch.
  static thread_local std::map<std::pair<int, std::size_t>, std::unique_ptr<Block>> blocks;
  auto& block = blocks[{threads, shared_bytes}];
  if (!block) block = std::make_unique<Block>(threads, shared_bytes);
  memory().begin_launch(device);
  const int count = x * y;
  for (int i = 0; i < count; ++i) {
    const int b = fake().backwards ? count - 1 - i : i;
    block->run(b, fake().backwards,
               [&](int thread) { kernel.run(*block, thread, b % x, b / x, params); });
  }
}

int launch(const EmulatedKernel& kernel, const unsigned (&grid)[2], unsigned threads,
           const void* params, std::size_t shared_bytes, FakeStream& stream) {
  if (stream.device != FakeCuda::current()) return invalid_handle;
  const auto allowed = allowed_shared.find({&kernel, stream.device});
  const int limit = allowed == allowed_shared.end() ? 48 * 1024 : allowed->second;
  if (threads > static_cast<unsigned>(kernel.max_threads) ||
      shared_bytes > static_cast<std::size_t>(limit))
    return invalid_value;
  ++fake().launches;
  fake().largest_shared = std::max(fake().largest_shared, int(shared_bytes));
  const auto* bytes = static_cast<const std::byte*>(params);
  return stream.queue(
      [&kernel, shared_bytes, threads, device = stream.device, x = int(grid[0]), y = int(grid[1]),
       copy = std::vector<std::byte>(bytes, bytes + kernel.params_size)] {
        run_kernel(kernel, device, x, y, int(threads), shared_bytes, copy.data());
      },
      fake().late);
}

/// Memory of the host is read at once, as pageable memory is; the rest happens in the stream.
int copy(void* to, const void* from, std::size_t bytes, FakeStream& stream) {
  std::vector<std::byte> staged;
  if (!memory().owns(from) && !stream.capturing()) {
    const auto* begin = static_cast<const std::byte*>(from);
    staged.assign(begin, begin + bytes);
  }
  return stream.queue(
      [=, staged = std::move(staged)] {
        if (memory().owns(from)) memory().touch_range(from, bytes, false);
        if (bytes > 0) std::memcpy(to, staged.empty() ? from : staged.data(), bytes);
        if (memory().owns(to)) memory().touch_range(to, bytes, true);
      },
      fake().late);
}

using Works = std::vector<std::function<void()>>;

const eqsr::gpu::Runtime& table() {
  static const eqsr::gpu::Runtime table{
      .allocate =
          [](void** to, std::size_t bytes) {
            return called("cudaMalloc", [&] {
              if (const int code = FakeStream::forbidden_in_capture()) return code;
              *to = memory().allocate(bytes, FakeCuda::current());
              if (*to && !fake().computes)
                memory().touch_range(std::memset(*to, 0, bytes), bytes, true);
              return *to ? 0 : int{eqsr::gpu::out_of_memory};
            });
          },
      .deallocate =
          [](void* pointer) {
            return called("cudaFree", [&] {
              const int code = FakeStream::forbidden_in_capture();
              for (FakeStream* stream : FakeStream::all()) stream->run();  // it waits
              memory().free(pointer);
              return code;
            });
          },
      .allocate_pinned =
          [](void** to, std::size_t bytes) {
            return called("cudaHostAlloc", [&] {
              if (const int code = FakeStream::forbidden_in_capture()) return code;
              ++fake().pinned;
              *to = std::memset(std::malloc(bytes), 0xff, bytes);  // float NaN
              return 0;
            });
          },
      .free_pinned =
          [](void* pointer) {
            return called("cudaFreeHost", [&] {
              std::free(pointer);
              --fake().pinned;
              return FakeStream::forbidden_in_capture();
            });
          },
      .copy =
          [](void* to, const void* from, std::size_t bytes, Stream stream) {
            return called("cudaMemcpyAsync", [&] {
              return stream ? copy(to, from, bytes, *of(stream)) : int{capture_implicit};
            });
          },
      .zero =
          [](void* to, std::size_t bytes, Stream stream) {
            return called("cudaMemsetAsync", [&] {
              if (!stream) return int{capture_implicit};
              return of(stream)->queue(
                  [=] {
                    std::memset(to, 0, bytes);
                    memory().touch_range(to, bytes, true);
                  },
                  fake().late);
            });
          },
      .device_count =
          [](int* count) {
            *count = fake().devices;
            return called("cudaGetDeviceCount",
                          [&] { return fake().devices > 0 ? 0 : int{eqsr::gpu::no_device}; });
          },
      .use_device =
          [](int device) {
            return called("cudaSetDevice", [&] {
              FakeCuda::current() = device;
              return 0;
            });
          },
      .used_device =
          [](int* device) {
            *device = FakeCuda::current();
            return called("cudaGetDevice", [] { return 0; });
          },
      .device_of =
          [](const void* pointer, int* device) {
            return called("cudaPointerGetAttributes", [&] {
              *device = memory().device_of(pointer);
              return 0;
            });
          },
      .capability =
          [](int, int* version) {
            *version = fake().capability;
            return called("cudaDeviceGetAttribute", [] { return 0; });
          },
      .shared_limit =
          [](int, int* bytes) {
            *bytes = fake().shared_limit;
            return called("cudaDeviceGetAttribute", [] { return 0; });
          },
      .free_memory =
          [](std::size_t* bytes) {
            return called("cudaMemGetInfo", [&] {
              *bytes = memory().limit - memory().in_use();
              return 0;
            });
          },
      .create_stream =
          [](Stream* stream) {
            return called("cudaStreamCreateWithFlags", [&] {
              ++fake().streams;
              *stream = reinterpret_cast<Stream>(new FakeStream(FakeCuda::current()));
              return 0;
            });
          },
      .destroy_stream =
          [](Stream stream) {
            return called("cudaStreamDestroy", [&] {
              delete of(stream);
              --fake().streams;
              return 0;
            });
          },
      .synchronize =
          [](Stream stream) {
            return called("cudaStreamSynchronize", [&] {
              const int code = FakeStream::forbidden_in_capture();
              return code != 0 || !stream ? code : of(stream)->wait();
            });
          },
      .is_capturing =
          [](Stream stream, bool* yes) {
            return called("cudaStreamIsCapturing", [&] {
              *yes = stream && of(stream)->capturing();
              return 0;
            });
          },
      .create_event =
          [](Event* event) {
            return called("cudaEventCreateWithFlags", [&] {
              ++fake().events;
              *event = reinterpret_cast<Event>(new FakeEvent(FakeCuda::current()));
              return 0;
            });
          },
      .destroy_event =
          [](Event event) {
            return called("cudaEventDestroy", [&] {
              delete of(event);
              --fake().events;
              return 0;
            });
          },
      .record_event =
          [](Event event, Stream stream) {
            return called("cudaEventRecord", [&] {
              if (of(event)->device != of(stream)->device) return int{invalid_handle};
              of(event)->stream = of(stream);
              of(event)->captured = of(stream)->capturing();
              of(event)->reached = std::make_shared<bool>(false);
              return of(stream)->queue([reached = of(event)->reached] { *reached = true; },
                                       fake().late);
            });
          },
      .wait_event =
          [](Stream stream, Event event) {
            return called("cudaStreamWaitEvent", [&] {
              if (of(event)->captured && !of(stream)->capturing()) {
                of(event)->stream->invalidate();  // work of a graph and other work meet
                return int{capture_isolation};
              }
              return of(stream)->queue([event = *of(event)] { event.wait(); }, fake().late);
            });
          },
      .synchronize_event =
          [](Event event) {
            return called("cudaEventSynchronize", [&] {
              if (const int code = FakeStream::forbidden_in_capture()) return code;
              of(event)->wait();
              return 0;
            });
          },
      .allow_shared =
          [](const void* kernel, int bytes) {
            return called("cudaFuncSetAttribute", [&] {
              if (bytes > fake().shared_limit) return int{invalid_value};
              allowed_shared[{kernel, FakeCuda::current()}] = bytes;
              return 0;
            });
          },
      .launch =
          [](const void* entry, const unsigned(&grid)[2], unsigned threads, void** params,
             std::size_t shared_bytes, Stream stream) {
            if (fake().in_capture && of(stream)->capturing())
              std::exchange(fake().in_capture, nullptr)();  // may use other threads
            return called("cudaLaunchKernel", [&] {
              return launch(*static_cast<const EmulatedKernel*>(entry), grid, threads, params[0],
                            shared_bytes, *of(stream));
            });
          },
      .begin_capture =
          [](Stream stream) {
            return called("cudaStreamBeginCapture", [&] {
              ++fake().captures;
              return of(stream)->begin_capture();
            });
          },
      .end_capture =
          [](Stream stream, CUgraph_st** graph) {
            Works recorded;
            int ended = 0;
            {
              const std::scoped_lock lock(mutex());
              ended = of(stream)->end_capture(recorded);  // even where it reports a failure
            }
            return called("cudaStreamEndCapture", [&] {
              if (ended != 0) return ended;
              ++fake().graphs;
              *graph = reinterpret_cast<CUgraph_st*>(new Works(std::move(recorded)));
              return 0;
            });
          },
      .instantiate =
          [](CUgraphExec_st** executable, CUgraph_st* graph) {
            return called("cudaGraphInstantiate", [&] {
              ++fake().graphs;
              *executable =
                  reinterpret_cast<CUgraphExec_st*>(new Works(*reinterpret_cast<Works*>(graph)));
              return 0;
            });
          },
      .destroy_graph =
          [](CUgraph_st* graph) {
            return called("cudaGraphDestroy", [&] {
              delete reinterpret_cast<Works*>(graph);
              --fake().graphs;
              return 0;
            });
          },
      .destroy_executable =
          [](CUgraphExec_st* graph) {
            return called("cudaGraphExecDestroy", [&] {
              delete reinterpret_cast<Works*>(graph);
              --fake().graphs;
              return 0;
            });
          },
      .launch_graph =
          [](CUgraphExec_st* graph, Stream stream) {
            return called("cudaGraphLaunch", [&] {
              if (of(stream)->device != FakeCuda::current()) return int{invalid_handle};
              ++fake().graph_launches;
              return of(stream)->queue(
                  [works = *reinterpret_cast<Works*>(graph)] {
                    for (const auto& work : works) work();
                  },
                  fake().late);
            });
          },
      .take_error = [] { return std::exchange(fake().last_error, 0); },
      .describe =
          [](int code) {
            return code == eqsr::gpu::out_of_memory ? "out of memory"
                   : code == eqsr::gpu::no_device   ? "no CUDA-capable device is detected"
                                                    : "an error that the test asked for";
          }};
  return table;
}

}  // namespace

void FakeCuda::wait_for_device() {
  const std::scoped_lock lock(mutex());
  (void)FakeStream::wait_for_device();
}

}  // namespace eqsr_test

const eqsr::gpu::Runtime& eqsr::gpu::runtime() { return eqsr_test::table(); }
