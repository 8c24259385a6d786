// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/runtime.hpp>  // runtime

#include <cstdint>      // uint64_t
#include <list>         // list
#include <string>       // string
#include <string_view>  // string_view
#include <utility>      // exchange, move

/// Forward passes recorded as CUDA graphs.
namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// A recorded forward pass, and what it was recorded for. It consists of segments: where somebody
/// watches the progress or may stop, a new one begins at each checkpoint.
class Graph {
 public:
  using Key = std::vector<std::uint64_t>;
  /// After so many recordings that failed, the pass runs unrecorded for good.
  static constexpr int most_attempts = 3;

  explicit Graph(Key what) : key(std::move(what)) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() { drop(); }

  const Key key;

  [[nodiscard]] bool recorded() const { return recorded_; }
  [[nodiscard]] bool worth_recording() const { return !recorded_ && attempts_ < most_attempts; }

  /// Records what `work` sends to the stream; false if that failed. Another library that waits for
  /// the whole device, for instance, breaks every recording. Nothing of it was run then.
  template <class Work>
  bool record(Stream stream, const Work& work) {
    ++attempts_;
    try {
      begin(stream);
      work();
      end(stream, 1, {});
    } catch (const Error&) {
      abandon(stream);
      drop();
      return false;
    } catch (...) {
      abandon(stream);
      drop();
      throw;
    }
    return recorded_ = true;
  }
  /// Ends a segment at a checkpoint and begins the next one.
  void cut(Stream stream, double done, std::string_view stage) {
    end(stream, done, stage);
    begin(stream);
  }
  /// Queues the segments, and calls `checkpoint(done, stage)` between them.
  template <class Checkpoint>
  void launch(Stream stream, const Checkpoint& checkpoint) const {
    for (const Segment& segment : segments_) {
      check(runtime().launch_graph(segment.executable, stream), "cudaGraphLaunch");
      if (!segment.stage.empty()) checkpoint(segment.done, std::string_view(segment.stage));
    }
  }

 private:
  struct Segment {
    CUgraphExec_st* executable;
    double done;
    std::string stage;  ///< of the checkpoint behind it; empty at the end
  };

  void begin(Stream stream) {
    Streams::instance().alone(
        [&] { check(runtime().begin_capture(stream), "cudaStreamBeginCapture"); });
    capturing_ = true;
  }
  void end(Stream stream, double done, std::string_view stage) {
    CUgraph_st* graph = nullptr;
    capturing_ = false;
    const int ended = runtime().end_capture(stream, &graph);
    CUgraphExec_st* executable = nullptr;
    const int made = ended != 0 ? ended : runtime().instantiate(&executable, graph);
    if (graph && runtime().destroy_graph(graph) != 0) (void)runtime().take_error();
    check(ended, "cudaStreamEndCapture");
    check(made, "cudaGraphInstantiate");
    segments_.push_back({executable, done, std::string(stage)});
  }
  void abandon(Stream stream) noexcept {
    if (!std::exchange(capturing_, false)) return;
    CUgraph_st* graph = nullptr;
    if (runtime().end_capture(stream, &graph) != 0) (void)runtime().take_error();
    if (graph && runtime().destroy_graph(graph) != 0) (void)runtime().take_error();
  }
  void drop() noexcept {
    for (const Segment& segment : segments_)
      if (runtime().destroy_executable(segment.executable) != 0) (void)runtime().take_error();
    segments_.clear();
    recorded_ = false;
  }

  std::vector<Segment> segments_;
  int attempts_ = 0;
  bool recorded_ = false, capturing_ = false;
};

/// The graphs of a context: the passes that it met last, of several sizes, precisions or networks.
class Graphs {
 public:
  static constexpr std::size_t most = 8;

  /// The graph of a pass, or null if the pass is new: then it is known from now on.
  Graph* find(Graph::Key key) {
    const auto found = std::find_if(graphs_.begin(), graphs_.end(),
                                    [&](const Graph& graph) { return graph.key == key; });
    if (found == graphs_.end()) {
      graphs_.emplace_front(std::move(key));
      if (graphs_.size() > most) graphs_.pop_back();
      return nullptr;
    }
    graphs_.splice(graphs_.begin(), graphs_, found);
    return &graphs_.front();
  }
  [[nodiscard]] std::ptrdiff_t recorded() const {
    return std::count_if(graphs_.begin(), graphs_.end(),
                         [](const Graph& graph) { return graph.recorded(); });
  }
  void clear() { graphs_.clear(); }

 private:
  std::list<Graph> graphs_;  ///< the last that was asked for first
};

}}}  // namespace eqsr::EQSR_ABI::gpu
