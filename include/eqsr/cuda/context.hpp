// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/plan.hpp>       // ContextBase, DryContext
#include <eqsr/cuda/precision.hpp>  // Precision
#include <eqsr/cuda/runtime.hpp>    // Runtime

#include <utility>  // pair

namespace eqsr { inline namespace EQSR_ABI {

namespace gpu {
/// The widest upsampler that the fused kernels can hold; wider ones are composed of their parts.
inline constexpr int most_latent = 256;
}  // namespace gpu

namespace op {
struct KrigingUpsampler;
struct Mlp;
}  // namespace op
/// The composites that this backend runs as one kernel.
template <class X, class Layer, class... Arguments>
inline constexpr bool fuses<op::KrigingUpsampler, Cuda, X, Layer, Arguments...> =
    Layer::latent <= gpu::most_latent;
template <class... Arguments>
inline constexpr bool fuses<op::Mlp, Cuda, Arguments...> = true;

namespace gpu {

/// A recorded forward pass, and what it was recorded for.
class Graph {
 public:
  using Key = std::vector<std::uint64_t>;

  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() { drop(); }

  [[nodiscard]] bool seen(const Key& key) const { return key_ == key; }
  [[nodiscard]] bool recorded() const { return executable_ != nullptr; }
  void see(Key key) {
    drop();
    key_ = std::move(key);
  }
  void drop() noexcept {
    key_.clear();
    if (executable_ && runtime().destroy_executable(executable_) != 0) (void)runtime().take_error();
    executable_ = nullptr;
  }
  /// Records what `work` sends to the stream.
  template <class Work>
  void record(Stream stream, const Work& work) {
    check(runtime().begin_capture(stream), "cudaStreamBeginCapture");
    CUgraph_st* graph = nullptr;
    try {
      work();
    } catch (...) {
      if (runtime().end_capture(stream, &graph) != 0) (void)runtime().take_error();
      if (graph) (void)runtime().destroy_graph(graph);
      throw;
    }
    check(runtime().end_capture(stream, &graph), "cudaStreamEndCapture");
    const int code = runtime().instantiate(&executable_, graph);
    if (runtime().destroy_graph(graph) != 0) (void)runtime().take_error();
    if (code != 0) executable_ = nullptr;
    check(code, "cudaGraphInstantiate");
  }
  void launch(Stream stream) const {
    check(runtime().launch_graph(executable_, stream), "cudaGraphLaunch");
  }

 private:
  Key key_;
  CUgraphExec_st* executable_ = nullptr;
};

/// Throws `fast_math_detected` if the kernels were compiled so that they round otherwise than they
/// say (`--use_fast_math`, which no macro tells). Defined with the kernels.
void probe_arithmetic(Context<Cuda>& ctx);

}  // namespace gpu

/// An NVIDIA GPU: a stream of its own, device memory, a precision. Calls return when the work is
/// queued; `sync()` waits for it. One context serves one caller at a time. The header needs no CUDA
/// header: plain C++ may hold a context, if a file compiled by nvcc includes <eqsr/eqsr.cuh>.
template <>
class Context<Cuda> : public ContextBase<Cuda> {
 public:
  /// Throws `no_device` where there is none of that number.
  explicit Context(int device = 0, Precision how = Precision::float32)
      : precision(how), device_(device) {
    int count = 0;
    gpu::check(gpu::runtime().device_count(&count), "cudaGetDeviceCount");
    EQSR_EXPECTS(device >= 0 && device < count, "no_device", "There is no CUDA device ", device,
                 " here, but ", count, ". Give a number below that, or use Context<Cpu>.");
    gpu::check(gpu::runtime().use_device(device), "cudaSetDevice");
    gpu::check(gpu::runtime().shared_limit(device, &shared_limit_), "cudaDeviceGetAttribute");
    gpu::check(gpu::runtime().create_stream(&stream_.handle), "cudaStreamCreateWithFlags");
    gpu::probe_arithmetic(*this);
  }

  Precision precision;        ///< may be changed between calls
  bool record_graphs = true;  ///< upscale() replays a size that it has met before as one graph

  [[nodiscard]] gpu::Stream stream() const { return stream_.handle; }
  [[nodiscard]] int device() const { return device_; }
  /// The shared memory that one block can have.
  [[nodiscard]] int shared_limit() const { return shared_limit_; }

  /// Waits for the work that was queued; failures of kernels show here.
  void sync() { gpu::check(gpu::runtime().synchronize(stream()), "cudaStreamSynchronize"); }

  /// Copies within, to and from the device, in the order of the stream.
  void copy(void* to, const void* from, std::size_t bytes) {
    gpu::check(gpu::runtime().copy(to, from, bytes, stream()), "cudaMemcpyAsync");
  }

  /// Runs a kernel on `x * y` blocks.
  void launch(const void* kernel, Index x, Index y, int threads, int shared_bytes, void* params) {
    if (x <= 0 || y <= 0) return;
    EQSR_EXPECTS(x <= 0x7fffffff && y <= 0xffff, "limit_exceeded", "A kernel of ", x, " x ", y,
                 " blocks is more than a grid can have. Choose a smaller image.");
    if (shared_bytes > 48 * 1024) allow_shared(kernel, shared_bytes);
    const unsigned grid[2] = {static_cast<unsigned>(x), static_cast<unsigned>(y)};
    gpu::check(gpu::runtime().launch(kernel, grid, static_cast<unsigned>(threads), &params,
                                     static_cast<std::size_t>(shared_bytes), stream()),
               "cudaLaunchKernel");
  }

  [[nodiscard]] gpu::Graph& graph() { return graph_; }

 private:
  /// A block gets more than 48 KiB only if its kernel asked for it.
  void allow_shared(const void* kernel, int bytes) {
    EQSR_EXPECTS(bytes <= shared_limit_, "limit_exceeded", "A kernel needs ", bytes,
                 " bytes of shared memory, but a block of this device has ", shared_limit_,
                 ". Use a newer device, or Context<Cpu>.");
    for (auto& [known, allowed] : allowed_)
      if (known == kernel) {
        if (allowed >= bytes) return;
        gpu::check(gpu::runtime().allow_shared(kernel, bytes), "cudaFuncSetAttribute");
        allowed = bytes;
        return;
      }
    gpu::check(gpu::runtime().allow_shared(kernel, bytes), "cudaFuncSetAttribute");
    allowed_.emplace_back(kernel, bytes);
  }

  struct OwnedStream {
    gpu::Stream handle = nullptr;
    OwnedStream() = default;
    OwnedStream(const OwnedStream&) = delete;
    OwnedStream& operator=(const OwnedStream&) = delete;
    ~OwnedStream() {
      if (handle && gpu::runtime().destroy_stream(handle) != 0) (void)gpu::runtime().take_error();
    }
  };

  int device_;
  int shared_limit_ = 0;
  OwnedStream stream_;
  std::vector<std::pair<const void*, int>> allowed_;
  gpu::Graph graph_;
};

/// A dry run for a GPU: whether kernels are fused depends on its shared memory and the precision.
template <>
class Context<DryRun<Cuda>> : public DryContext<Cuda> {
 public:
  explicit Context(const Context<Cuda>& context)
      : precision(context.precision), shared_limit_(context.shared_limit()) {}

  Precision precision;
  [[nodiscard]] int shared_limit() const { return shared_limit_; }
  void copy(void*, const void*, std::size_t) {}

 private:
  int shared_limit_;
};

}}  // namespace eqsr::EQSR_ABI
