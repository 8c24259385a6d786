// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/context.hpp>  // Context, Scope

#include <utility>  // pair
#include <vector>   // vector

/// Plans: what a forward pass will need, from a dry run of the forward pass itself.
namespace eqsr { inline namespace EQSR_ABI {

/// Operations and traffic of one or more kernels. One multiply-add counts as two operations. A
/// composite's are those of its parts, also where a backend fuses them and moves fewer bytes.
/// `X::of(sizes)` is the cost of operator X, for those who add up parts.
struct Cost {
  double flops = 0;
  double bytes = 0;
  Cost& operator+=(const Cost& other) {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
  friend Cost operator+(Cost a, const Cost& b) { return a += b; }
  friend Cost operator*(double times, const Cost& a) { return {times * a.flops, times * a.bytes}; }
};

/// What every dry run has: it runs nothing, and counts operations, temporaries and prepared forms.
template <class B>
class DryContext {
 public:
  using backend = DryRun<B>;
  Storage storage = Storage::both;
  Index band_height = 0;
  Cost cost;

  [[nodiscard]] Arena<DryRun<B>>& arena() { return arena_; }
  void checkpoint(double, std::string_view) {}

  template <class T, class Build>
  const T* prepare(const Prepared& prepared, std::uint64_t stamp, std::size_t bytes, const Build&) {
    count_form(prepared, stamp, Prepared::kind<T>(), bytes);
    return nullptr;
  }
  /// Bytes of the forms that were asked for, each counted once.
  [[nodiscard]] std::size_t prepared_bytes() const { return prepared_bytes_; }
  /// Bytes of those that the layers hold already.
  [[nodiscard]] std::size_t held_bytes() const { return held_bytes_; }

 private:
  [[gnu::noinline]] void count_form(const Prepared& prepared, std::uint64_t stamp, const void* kind,
                                    std::size_t bytes) {
    const Form form{&prepared, kind};
    if (std::find(forms_.begin(), forms_.end(), form) != forms_.end()) return;
    forms_.push_back(form);
    prepared_bytes_ += bytes;
    if (prepared.holds(stamp, kind)) held_bytes_ += bytes;
  }

  using Form = std::pair<const Prepared*, const void*>;
  Arena<DryRun<B>> arena_;
  std::vector<Form> forms_;
  std::size_t prepared_bytes_ = 0, held_bytes_ = 0;
};

/// A dry run for a backend with some number of threads. Backends whose kernels look at other
/// properties of their context specialise it.
template <class B>
class Context<DryRun<B>> : public DryContext<B> {
 public:
  explicit Context(int threads = 1) : threads_(threads) {}
  template <AnyContext C>
  explicit Context(const C& context) : threads_(context.threads()) {}
  [[nodiscard]] int threads() const { return threads_; }

 private:
  int threads_;
};

/// Whether an operator says what it costs: all that are no composites do.
template <class Op, class... Arguments>
concept StatesCost = requires(const Arguments&... arguments) {
  Op::cost(arguments...);
};

/// Whether a composite that says what it costs calls its caller back, which then counts itself.
template <class Op, class... Arguments>
concept CallsBack = requires(const Arguments&... arguments) {
  Op::call_back(arguments...);
};

/// A dry run of an operator: its cost is added, and its scratch taken while it runs. What it calls
/// back, such as the receiver of a band, works beside that scratch.
template <class Op, class B>
struct Kernel<Op, DryRun<B>> {
  template <class... Arguments>
  static void run(Context<DryRun<B>>& context, const Arguments&... arguments) {
    Scope memory(context);
    if constexpr (HasScratch<Op, B>) (void)Kernel<Op, B>::scratch(memory, arguments...);
    if constexpr (std::is_base_of_v<Composite, Op> && !StatesCost<Op, Arguments...>) {
      Context<DryRun<void>> parts;  // no backend, so nothing is fused
      Op::compose(parts, arguments...);
      context.cost += parts.cost;
    } else {
      context.cost += Op::cost(arguments...);
      if constexpr (CallsBack<Op, Arguments...>) Op::call_back(arguments...);
    }
  }
};

/// What a forward pass needs.
struct Plan {
  std::size_t workspace = 0;       ///< bytes of temporaries at the peak
  std::size_t prepared_bytes = 0;  ///< bytes of the prepared forms, which stay with the layers
  Cost cost;
};

/// What a dry run has counted.
template <class B>
Plan plan_of(Context<DryRun<B>>& context) {
  return {saturated_sum(context.arena().peak(), arena_alignment), context.prepared_bytes(),
          context.cost};
}

/// A dry run for the backend of a context, with its properties.
template <AnyContext C>
Context<DryRun<typename C::backend>> dry_run(const C& context, Storage storage) {
  Context<DryRun<typename C::backend>> dry(context);
  dry.band_height = context.band_height;
  dry.storage = storage;
  return dry;
}

/// Runs `layer.forward` dry on backend `B` with the given arguments: views whose data may be null.
template <class B, class Layer, class... Arguments>
Plan plan_on(int threads, Storage storage, const Layer& layer, const Arguments&... arguments) {
  Context<DryRun<B>> context(threads);
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

/// The part of the operations of two stages that the first one has, for the progress of both. Each
/// is called with a dry context, if anybody watches.
template <AnyContext C, class First, class Second>
double first_share(const C& context, const First& first, const Second& second) {
  if (!context.on_progress) return 0;
  auto one = dry_run(context, context.storage), both = one;
  first(one);
  first(both);
  second(both);
  return one.cost.flops / both.cost.flops;
}
/// A dry run reports no progress.
template <class B, class First, class Second>
double first_share(const Context<DryRun<B>>&, const First&, const Second&) {
  return 0;
}

}}  // namespace eqsr::EQSR_ABI
