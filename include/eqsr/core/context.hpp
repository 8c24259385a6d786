// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/arena.hpp>     // Arena
#include <eqsr/core/math.hpp>      // saturated_product
#include <eqsr/core/prepared.hpp>  // Prepared
#include <eqsr/core/stop.hpp>      // Stop
#include <eqsr/core/view.hpp>      // Rows, Plane

#include <functional>   // function
#include <string_view>  // string_view

/// What running needs: a context, scopes of temporaries in its arena, and `launch`, the one point
/// where an operator meets a backend.
namespace eqsr { inline namespace EQSR_ABI {

/// What the target-resolution stage keeps between its passes over the image: more is faster. The
/// results have the same bits.
enum class Storage {
  both,  ///< two planes of latent channels
  one,   ///< one plane; a perceptron is computed again
  none,  ///< nothing; everything is computed again
};

/// What a running `upscale` reports: the fraction done in [0,1] and the stage it is in.
using Progress = std::function<void(double done, std::string_view stage)>;

/// What every context has. A backend's `Context<B>` derives from it and adds what the backend runs
/// on.
template <class B>
class ContextBase {
 public:
  using backend = B;
  Progress on_progress;             ///< called from the calling thread between blocks
  Stop stop;                        ///< when a stop is requested, the next block throws `cancelled`
  Storage storage = Storage::both;  ///< the most to keep: upscale() keeps less where max_memory
                                    ///< demands it
  std::size_t max_memory = 0;  ///< bytes that upscale() may take for one image; 0: half of what
                               ///< is free when it is called
  Index band_height = 0;       ///< rows of the target that are worked on at once; 0: enough for
                               ///< all threads. Memory changes, results never

  [[nodiscard]] Arena<B>& arena() { return arena_; }
  [[nodiscard]] const Arena<B>& arena() const { return arena_; }
  void reserve(std::size_t bytes) { arena_.reserve(bytes); }
  /// Threads that kernels may use at once; each has scratch of its own.
  [[nodiscard]] int threads() const { return 1; }
  /// Bytes that may still be allocated where the context computes.
  [[nodiscard]] std::size_t available() const { return Memory<B>::available(); }
  /// From here on, what this thread allocates in the memory of B lies where the context computes.
  void select() const {}

  /// Layers call this between blocks of work.
  void checkpoint(double done, std::string_view stage) { report(overall(done), stage); }

  /// The form T of parameters with this stamp, of `bytes` bytes: made by `build()` or kept from an
  /// earlier call. A dry run counts the bytes and gives null.
  template <class T, class Build>
  const T* prepare(const Prepared& prepared, std::uint64_t stamp, std::size_t /*bytes*/,
                   const Build& build) const {
    return &prepared.get<T>(stamp, build);
  }

 protected:
  /// The share of the whole work that is done where a checkpoint says `done`.
  [[nodiscard]] double overall(double done) const { return begin_ + done * (end_ - begin_); }
  [[gnu::noinline]] void report(double done, std::string_view stage) {
    EQSR_EXPECTS(!stop.stop_requested(), "cancelled", "The run was cancelled during ", stage,
                 ". The network and the context can be used again.");
    if (on_progress) on_progress(done, stage);
  }

 private:
  template <class C>
  friend class Share;
  double begin_ = 0, end_ = 1;  ///< the share of the whole work that checkpoints report on
  Arena<B> arena_;
};

template <>
class Context<Reference> : public ContextBase<Reference> {};

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
  explicit Scope(C& context) : context_(context), arena_(context.arena()), mark_(arena_.mark()) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { arena_.release(mark_); }

  [[nodiscard]] C& context() const { return context_; }

  template <class T>
  T* array(Index count) {
    return static_cast<T*>(
        arena_.allocate(saturated_product(static_cast<std::size_t>(count), sizeof(T))));
  }
  float* floats(Index count) { return array<float>(count); }
  double* doubles(Index count) { return array<double>(count); }
  template <int Channels>
  Rows<float, Channels> rows(Index m) {
    return Rows<float, Channels>(floats(m * Channels), m);
  }
  template <int Channels>
  Plane<float, Channels> plane(Index h, Index w) {
    return Plane<float, Channels>(floats(h * w * Channels), h, w);
  }

 private:
  using A = std::remove_reference_t<decltype(std::declval<C&>().arena())>;
  C& context_;
  A& arena_;
  typename A::Mark mark_;
};

/// Whether a kernel needs scratch or prepared forms: it then has a struct `Scratch`, and
/// `scratch(memory, arguments...)` states what it needs, once, for the run and for the plan.
template <class Op, class B>
concept HasScratch = !std::is_void_v<B> && requires {
  typename Kernel<Op, B>::Scratch;
};

namespace detail {
/// The backend of a layer or of a view that knows it; void for what has none.
template <class T>
struct BackendIn : std::type_identity<void> {};
template <class T>
requires requires { typename T::backend; }
struct BackendIn<T> : std::type_identity<typename T::backend> {};
template <class T>
using BackendOf = typename BackendIn<T>::type;
}  // namespace detail

/// Runs operator `Op` on the backend of the context. A composite that the backend does not fuse is
/// composed of its parts.
template <class Op, AnyContext C, class... Arguments>
void launch(C& context, const Arguments&... arguments) {
  using B = typename C::backend;
  (expect_compatible<detail::BackendOf<Arguments>, B>(), ...);
  if constexpr (std::is_base_of_v<Composite, Op> && !fuses<Op, B, Arguments...>) {
    Op::compose(context, arguments...);
  } else if constexpr (HasScratch<Op, B>) {
    Scope memory(context);
    const typename Kernel<Op, B>::Scratch scratch = Kernel<Op, B>::scratch(memory, arguments...);
    Kernel<Op, B>::run(context, scratch, arguments...);
  } else {
    Kernel<Op, B>::run(context, arguments...);
  }
}

}}  // namespace eqsr::EQSR_ABI
