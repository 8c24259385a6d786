// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/backend.hpp>  // Context
#include <eqsr/core/tensor.hpp>   // Memory
#include <eqsr/core/view.hpp>     // Rows, Plane

#include <algorithm>    // min
#include <functional>   // function
#include <span>         // span
#include <stop_token>   // stop_token
#include <string_view>  // string_view
#include <vector>       // vector

namespace eqsr { inline namespace EQSR_ABI {

/// Operations and traffic of one or more kernels. One multiply-add counts as two operations.
struct Cost {
  double flops = 0;
  double bytes = 0;
  Cost& operator+=(const Cost& other) {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
};

/// Temporary memory of one context: a stack of allocations that are released together.
///
/// After `reserve(plan(...).workspace)` a forward pass allocates nothing. Without it the arena
/// grows as needed and keeps what it has. Not shared between threads.
template <class B>
class Arena {
 public:
  static constexpr std::size_t alignment = 256;
  static std::size_t rounded(std::size_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
  }

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { release_blocks(); }

  /// Makes room for `bytes` in one block. Only between forward passes.
  void reserve(std::size_t bytes) {
    if (blocks_.size() == 1 && blocks_[0].size >= rounded(bytes)) return;
    release_blocks();
    if (bytes > 0) add_block(rounded(bytes));
  }

  [[gnu::noinline]] void* allocate(std::size_t bytes) {
    bytes = rounded(bytes);
    while (block_ < blocks_.size() && blocks_[block_].size - used_ < bytes) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) add_block((std::max)(bytes, minimum_block));
    void* memory = blocks_[block_].memory + used_;
    used_ += bytes;
    in_use_ += bytes;
    peak_ = (std::max)(peak_, in_use_);
    return memory;
  }

  /// Gives everything back. Only between forward passes.
  void clear() { release_blocks(); }

  struct Mark {
    std::size_t block, used, in_use;
  };
  [[nodiscard]] Mark mark() const { return {block_, used_, in_use_}; }
  void release(const Mark& mark) {
    block_ = mark.block;
    used_ = mark.used;
    in_use_ = mark.in_use;
  }

  /// The most bytes that were in use at once.
  [[nodiscard]] std::size_t peak() const { return peak_; }
  /// The bytes that the arena holds.
  [[nodiscard]] std::size_t capacity() const {
    std::size_t sum = 0;
    for (const Block& block : blocks_) sum += block.size;
    return sum;
  }

 private:
  static constexpr std::size_t minimum_block = std::size_t{1} << 20;
  struct Block {
    std::byte* memory;
    std::size_t size;
    void* base;
  };
  void add_block(std::size_t size) {
    blocks_.reserve(blocks_.size() + 1);
    void* base = Memory<B>::allocate(size + alignment);
    const auto address = reinterpret_cast<std::uintptr_t>(base);
    const std::size_t shift = rounded(address) - address;
    blocks_.push_back({static_cast<std::byte*>(base) + shift, size, base});
  }
  void release_blocks() {
    for (const Block& block : blocks_) Memory<B>::deallocate(block.base);
    blocks_.clear();
    block_ = used_ = in_use_ = 0;
  }

  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0, in_use_ = 0, peak_ = 0;
};

/// The arena of a dry run: it counts and holds nothing. Its pointers must not be followed.
template <class B>
class Arena<DryRun<B>> {
 public:
  using Mark = std::size_t;
  [[gnu::noinline]] void* allocate(std::size_t bytes) {
    void* memory = reinterpret_cast<void*>(Arena<B>::alignment + in_use_);
    in_use_ += Arena<B>::rounded(bytes);
    peak_ = (std::max)(peak_, in_use_);
    return memory;
  }
  /// Counts an allocation that is released at once.
  void touch(std::size_t bytes) { peak_ = (std::max)(peak_, in_use_ + Arena<B>::rounded(bytes)); }
  [[nodiscard]] Mark mark() const { return in_use_; }
  void release(Mark mark) { in_use_ = mark; }
  [[nodiscard]] std::size_t peak() const { return peak_; }

 private:
  std::size_t in_use_ = 0, peak_ = 0;
};

/// What the target-resolution stage keeps between its passes over the image: more is faster. The
/// results have the same bits.
enum class Storage {
  both,  ///< two planes of latent channels
  one,   ///< one plane; a perceptron is computed again
  none,  ///< nothing; everything is computed again
};

/// What a running `upscale` reports: the fraction done in [0,1] and the stage it is in.
using Progress = std::function<void(double done, std::string_view stage)>;

/// Rows of a finished image, from top to bottom: a view of rows [y, y + h) that is valid until the
/// function returns.
using RowSink = std::function<void(Index y, Plane<float, 3> rows)>;

/// The rows of an image that one of several processes computes. Each has the whole input; what they
/// tell one another are the sums behind the means over the image, so the bits are those of one.
struct RowPart {
  Index begin = 0, end = 0;  ///< rows [begin, end), from an even one to an even one or the last
  /// Called once for each mean. Fills `total` with the sums of the part above (the first has none
  /// and leaves the zeros), calls `add`, which adds the rows of this part one by one, gives `total`
  /// to the part below, and returns when `total` is what the last part has.
  std::function<void(std::span<double> total, const std::function<void()>& add)> meet{};
};

/// Part `number` of `count`, of about as many rows as the others; none is empty if there are two
/// rows for each. `meet` is left to the caller.
inline RowPart row_part(Index height, int number, int count) {
  const auto bound = [&](Index i) { return (std::min)(height, (height + 1) / 2 * i / count * 2); };
  return {bound(number), bound(number + 1), {}};
}

/// An image that is finished in bands of whole rows, and how. With `whole` the rows lie in that
/// memory, (H, W, 3); without, in a buffer of one band.
struct Bands {
  Index height = 0, width = 0;
  float* whole = nullptr;
  RowSink take{};                   ///< is handed each band; may change it
  RowPart part{};                   ///< without `meet`: the whole image
  Storage storage = Storage::both;  ///< what is kept between the passes over the image
  RowSink skip{};                   ///< adds to a band what the network computes the difference to

  [[nodiscard]] Index first() const { return part.meet ? part.begin : 0; }
  [[nodiscard]] Index last() const { return part.meet ? part.end : height; }

  /// What happens to each band when its rows are computed.
  void finish(Index y, Plane<float, 3> rows) const {
    if (skip) skip(y, rows);
    if (take) take(y, rows);
  }
};

/// What every context has.
template <class B>
class ContextBase {
 public:
  using backend = B;
  Progress on_progress;             ///< called from the calling thread between blocks
  std::stop_token stop;             ///< when a stop is requested, the next block throws `cancelled`
  Storage storage = Storage::both;  ///< the most to keep: upscale() keeps less where max_memory
                                    ///< demands it
  std::size_t max_memory = 0;  ///< bytes that upscale() may take for one image; 0: half of what
                               ///< is free when it is called
  Index band_height = 0;       ///< rows of the target that are worked on at once; 0: enough for
                               ///< all threads. Memory changes, results never

  [[nodiscard]] Arena<B>& arena() { return arena_; }
  void reserve(std::size_t bytes) { arena_.reserve(bytes); }

  /// Layers call this between blocks of work.
  void checkpoint(double done, std::string_view stage) {
    EQSR_EXPECTS(!stop.stop_requested(), "cancelled", "The run was cancelled during ", stage,
                 ". The network and the context can be used again.");
    if (on_progress) on_progress(begin_ + done * (end_ - begin_), stage);
  }

 private:
  template <class C>
  friend class Share;
  double begin_ = 0, end_ = 1;  ///< the share of the whole work that checkpoints report on
  Arena<B> arena_;
};

template <>
class Context<Reference> : public ContextBase<Reference> {};

template <class B>
class Context<DryRun<B>> {
 public:
  using backend = DryRun<B>;
  int threads = 1;
  Storage storage = Storage::both;
  Index band_height = 0;
  Cost cost;
  [[nodiscard]] Arena<DryRun<B>>& arena() { return arena_; }
  void checkpoint(double, std::string_view) {}

 private:
  Arena<DryRun<B>> arena_;
};

/// The whole of y, with what the context keeps between the passes.
template <AnyContext C>
Bands whole_image(const C& ctx, Plane<float, 3> y) {
  return {.height = y.template extent<'h'>(),
          .width = y.template extent<'w'>(),
          .whole = y.data(),
          .storage = ctx.storage};
}

/// While this lives, checkpoints from 0 to 1 report on the share [begin, end] of what they reported
/// on before.
template <class C>
class Share {
 public:
  Share(C& context, double begin, double end) : context_(context) {
    if constexpr (reports) {
      begin_ = context.begin_;
      end_ = context.end_;
      context.begin_ = begin_ + begin * (end_ - begin_);
      context.end_ = begin_ + end * (end_ - begin_);
    }
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  ~Share() {
    if constexpr (reports) {
      context_.begin_ = begin_;
      context_.end_ = end_;
    }
  }

 private:
  static constexpr bool reports = std::is_base_of_v<ContextBase<typename C::backend>, C>;
  C& context_;
  double begin_ = 0, end_ = 1;
};

/// Temporaries that end together. `Scope scope(ctx); auto x = scope.template rows<180>(m);`
template <AnyContext C>
class Scope {
 public:
  explicit Scope(C& context) : arena_(context.arena()), mark_(arena_.mark()) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { arena_.release(mark_); }

  template <class T>
  T* array(Index count) {
    return static_cast<T*>(arena_.allocate(static_cast<std::size_t>(count) * sizeof(T)));
  }
  template <int Channels>
  Rows<float, Channels> rows(Index m) {
    return Rows<float, Channels>(array<float>(m * Channels), m);
  }
  template <int Channels>
  Plane<float, Channels> plane(Index h, Index w) {
    return Plane<float, Channels>(array<float>(h * w * Channels), h, w);
  }

 private:
  using A = std::remove_reference_t<decltype(std::declval<C&>().arena())>;
  A& arena_;
  typename A::Mark mark_;
};

/// Scratch that the backend's kernel takes from the arena while it runs: it says so in `workspace`.
template <class Op, class B, class... Arguments>
std::size_t workspace_of(const Context<DryRun<B>>& context, const Arguments&... arguments) {
  if constexpr (requires { Kernel<Op, B>::workspace(context, arguments...); })
    return Kernel<Op, B>::workspace(context, arguments...);
  else if constexpr (requires { Kernel<Op, B>::workspace(context.threads, arguments...); })
    return Kernel<Op, B>::workspace(context.threads, arguments...);
  else
    return 0;
}

/// A dry run of an operator: its cost is added, its scratch counts towards the peak.
template <class Op, class B>
struct Kernel<Op, DryRun<B>> {
  template <class... Arguments>
  static void run(Context<DryRun<B>>& context, const Arguments&... arguments) {
    context.cost += Op::cost(arguments...);
    context.arena().touch(workspace_of<Op>(context, arguments...));
  }
};

/// The temporary memory and the cost of a forward pass.
struct Plan {
  std::size_t workspace = 0;  ///< bytes of temporaries at the peak
  Cost cost;
};

/// What a dry run has counted.
template <class B>
Plan plan_of(Context<DryRun<B>>& context) {
  return {context.arena().peak() + Arena<B>::alignment, context.cost};
}

/// A dry run for the backend, the threads and the bands of a context.
template <AnyContext C>
Context<DryRun<typename C::backend>> dry_run(const C& context, Storage storage) {
  Context<DryRun<typename C::backend>> dry;
  if constexpr (requires { context.threads(); }) dry.threads = context.threads();
  dry.band_height = context.band_height;
  dry.storage = storage;
  return dry;
}

/// Runs `layer.forward` dry on backend `B` with the given arguments: views whose data may be null.
template <class B, class Layer, class... Arguments>
Plan plan_on(int threads, Storage storage, const Layer& layer, const Arguments&... arguments) {
  Context<DryRun<B>> context;
  context.threads = threads;
  context.storage = storage;
  layer.forward(context, arguments...);
  return plan_of(context);
}

/// The same for the backend and the threads of a context, with a storage policy.
template <AnyContext C, class Layer, class... Arguments>
Plan plan_with(const C& context, Storage storage, const Layer& layer,
               const Arguments&... arguments) {
  auto dry = dry_run(context, storage);
  layer.forward(dry, arguments...);
  return plan_of(dry);
}

/// The plan of `layer.forward(context, arguments...)`.
template <AnyContext C, class Layer, class... Arguments>
Plan plan(const C& context, const Layer& layer, const Arguments&... arguments) {
  return plan_with(context, context.storage, layer, arguments...);
}

}}  // namespace eqsr::EQSR_ABI
