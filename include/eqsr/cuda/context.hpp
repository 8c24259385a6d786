// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/plan.hpp>         // ContextBase, DryContext
#include <eqsr/cuda/graph.hpp>        // Graphs
#include <eqsr/cuda/precision.hpp>    // Precision
#include <eqsr/cuda/row_fetcher.hpp>  // RowFetcher
#include <eqsr/cuda/runtime.hpp>      // runtime, Stream

#include <optional>  // optional

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

/// The oldest devices that the kernels are for: asynchronous copies, products of bfloat16.
inline constexpr int least_capability = 80;

/// Throws `fast_math_detected` if the kernels were compiled so that they round otherwise than they
/// say (`--use_fast_math`, which no macro tells). Defined with the kernels.
void probe_arithmetic(Context<Cuda>& ctx);

}  // namespace gpu

/// An NVIDIA GPU: a stream, device memory, a precision. Calls return when the work is queued;
/// `sync()` waits for it. One context serves one caller at a time. The header needs no CUDA header:
/// plain C++ may hold a context, if a file compiled by nvcc includes <eqsr/eqsr.cuh>.
///
/// Each call selects the context's device on the calling thread, as cudaSetDevice does, and leaves
/// it selected: networks and tensors made after it lie there.
template <>
class Context<Cuda> : public ContextBase<Cuda> {
 public:
  /// With a stream of its own. Throws `no_device` where there is none of that number, or one that
  /// the kernels are not for.
  explicit Context(int device = 0, Precision how = Precision::float32)
      : Context(Opened{}, device, how) {
    gpu::check(gpu::runtime().create_stream(&stream_.handle), "cudaStreamCreateWithFlags");
    stream_.own = true;
    begin();
  }
  /// On a stream of the caller, which outlives the context. Work is ordered with the caller's own
  /// on that stream, and nothing waits for it but `sync()`, and calls that give results to the
  /// host. The default stream cannot be recorded: nothing is, there.
  Context(int device, gpu::Stream stream, Precision how = Precision::float32)
      : Context(Opened{}, device, how) {
    stream_.handle = stream;
    record_graphs = stream != nullptr;
    begin();
  }

  Precision precision;        ///< may be changed between calls
  bool record_graphs = true;  ///< upscale() replays a size that it has met before as one graph

  [[nodiscard]] gpu::Stream stream() const { return stream_.handle; }
  [[nodiscard]] int device() const { return device_; }
  /// The shared memory that one block can have.
  [[nodiscard]] int shared_limit() const { return shared_limit_; }

  void select() const { gpu::check(gpu::runtime().use_device(device_), "cudaSetDevice"); }
  [[nodiscard]] std::size_t available() const {
    select();
    return Memory<Cuda>::available();
  }
  [[nodiscard]] Arena<Cuda>& arena() {
    select();
    return ContextBase::arena();
  }
  [[nodiscard]] const Arena<Cuda>& arena() const { return ContextBase::arena(); }
  void reserve(std::size_t bytes) { arena().reserve(bytes); }

  /// Waits for the work that was queued; failures of kernels show here.
  void sync() { gpu::check(gpu::runtime().synchronize(stream()), "cudaStreamSynchronize"); }

  /// Copies within, to and from the device, in the order of the stream.
  void copy(void* to, const void* from, std::size_t bytes) {
    gpu::check(gpu::runtime().copy(to, from, bytes, stream()), "cudaMemcpyAsync");
  }

  /// As on the CPU, one checkpoint behind the device: where somebody watches or may stop, this
  /// waits until the device has come to the checkpoint before.
  void checkpoint(double done, std::string_view stage) { reach(overall(done), stage); }

  /// Runs a kernel on `x * y` blocks.
  void launch(const void* kernel, Index x, Index y, int threads, int shared_bytes, void* params) {
    if (x <= 0 || y <= 0) return;
    EQSR_EXPECTS(x <= 0x7fffffff && y <= 0xffff, "limit_exceeded", "A kernel of ", x, " x ", y,
                 " blocks is more than a grid can have. Choose a smaller image.");
    select();
    if (shared_bytes > 48 * 1024) allow_shared(kernel, shared_bytes);
    const unsigned grid[2] = {static_cast<unsigned>(x), static_cast<unsigned>(y)};
    gpu::check(gpu::runtime().launch(kernel, grid, static_cast<unsigned>(threads), &params,
                                     static_cast<std::size_t>(shared_bytes), stream()),
               "cudaLaunchKernel");
  }

  /// Runs `work`, or replays it: a pass with this key runs plainly the first time, is recorded the
  /// second time, and replayed from then on.
  template <class Work>
  void run_or_replay(gpu::Graph::Key key, const Work& work) {
    gpu::Graph* const graph = graphs_.find(std::move(key));
    if (!graph) return work();
    select();
    if (graph->worth_recording()) {
      recording_ = graph;
      try {
        graph->record(stream(), work);
      } catch (...) {
        recording_ = nullptr;
        throw;
      }
      recording_ = nullptr;
    }
    if (!graph->recorded()) return work();
    graph->launch(stream(), [&](double done, std::string_view stage) { reach(done, stage); });
  }
  [[nodiscard]] const gpu::Graphs& graphs() const { return graphs_; }
  /// What brings rows to the host; made when it is first asked for.
  [[nodiscard]] gpu::RowFetcher& rows_to_host() {
    select();
    if (!rows_to_host_) rows_to_host_.emplace();
    return *rows_to_host_;
  }
  /// Whether somebody looks at the progress, or may stop.
  [[nodiscard]] bool watched() const { return on_progress || stop.stop_possible(); }

 private:
  struct Opened {};
  Context(Opened, int device, Precision how) : precision(how), device_(device) {
    int count = 0;
    gpu::check(gpu::runtime().device_count(&count), "cudaGetDeviceCount");
    EQSR_EXPECTS(device >= 0 && device < count, "no_device", "There is no CUDA device ", device,
                 " here, but ", count, ". Give a number below that, or use Context<Cpu>.");
    int version = 0;
    gpu::check(gpu::runtime().capability(device, &version), "cudaDeviceGetAttribute");
    EQSR_EXPECTS(version >= gpu::least_capability, "no_device", "CUDA device ", device,
                 " has compute capability ", version / 10, ".", version % 10,
                 "; the kernels need 8.0 or more (Ampere and later). Use Context<Cpu>.");
    select();
    gpu::check(gpu::runtime().shared_limit(device, &shared_limit_), "cudaDeviceGetAttribute");
  }
  void begin() {
    gpu::Streams::instance().add(stream_.handle);
    stream_.known = true;
    gpu::probe_arithmetic(*this);
  }

  void reach(double done, std::string_view stage) {
    if (recording_) {
      if (watched()) recording_->cut(stream(), done, stage);
      return;
    }
    if (watched()) {
      auto& [before, now] = reached_;
      std::swap(before, now);
      if (!now) now.emplace();
      now->record(stream());
      if (before) before->wait();
    }
    report(done, stage);
  }

  /// A block gets more than 48 KiB only if its kernel asked for it. The limit is of the kernel on
  /// the device, whoever launches it: everyone sets it to the same.
  void allow_shared(const void* kernel, int bytes) {
    EQSR_EXPECTS(bytes <= shared_limit_, "limit_exceeded", "A kernel needs ", bytes,
                 " bytes of shared memory, but a block of this device has ", shared_limit_,
                 ". Use a device with more shared memory, or Context<Cpu>.");
    if (std::find(allowed_.begin(), allowed_.end(), kernel) != allowed_.end()) return;
    gpu::check(gpu::runtime().allow_shared(kernel, shared_limit_), "cudaFuncSetAttribute");
    allowed_.push_back(kernel);
  }

  struct UsedStream {
    gpu::Stream handle = nullptr;
    bool own = false, known = false;
    UsedStream() = default;
    UsedStream(const UsedStream&) = delete;
    UsedStream& operator=(const UsedStream&) = delete;
    ~UsedStream() {
      if (known) gpu::Streams::instance().remove(handle);
      if (own && gpu::runtime().destroy_stream(handle) != 0) (void)gpu::runtime().take_error();
    }
  };

  int device_;
  int shared_limit_ = 0;
  UsedStream stream_;
  std::vector<const void*> allowed_;  ///< kernels that may have shared_limit_
  std::optional<gpu::OwnedEvent> reached_[2];
  std::optional<gpu::RowFetcher> rows_to_host_;
  gpu::Graphs graphs_;
  gpu::Graph* recording_ = nullptr;
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
