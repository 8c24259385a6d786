// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/context.hpp>       // ContextBase
#include <eqsr/cpu/core/isa.hpp>       // Isa
#include <eqsr/cpu/core/observer.hpp>  // Observer
#include <eqsr/cpu/core/threads.hpp>   // ThreadPool

namespace eqsr { inline namespace EQSR_ABI {

namespace op {
struct HybridAttentionBlock;
struct KrigingUpsampler;
struct OverlappingAttentionBlock;
}  // namespace op
/// The composites that this backend runs as one kernel.
template <class... Arguments>
inline constexpr bool fuses<op::HybridAttentionBlock, Cpu, Arguments...> = true;
template <class... Arguments>
inline constexpr bool fuses<op::KrigingUpsampler, Cpu, Arguments...> = true;
template <class... Arguments>
inline constexpr bool fuses<op::OverlappingAttentionBlock, Cpu, Arguments...> = true;
template <>
inline constexpr bool computes_parts<op::KrigingUpsampler, Cpu> = true;

/// A CPU: threads of its own, temporary memory and the instruction set in use. Results have the
/// same bits for every number of threads. One context serves one caller at a time.
template <>
class Context<Cpu> : public ContextBase<Cpu> {
 public:
  /// `threads` = 0 takes every core that this process may use.
  [[gnu::noinline]] explicit Context(int threads = 0)
      : pool_(threads > 0 ? threads : available_cores()) {}

  [[nodiscard]] int threads() const { return pool_.size(); }
  [[nodiscard]] Isa isa() const { return isa_; }

  /// Restricts the kernels to an older instruction set, for comparisons.
  void use(Isa isa) {
    EQSR_EXPECTS(isa <= best_isa() && isa >= lowest_isa, "bad_argument",
                 "This instruction set is not available here. Use at most ", isa_name(best_isa()),
                 " and at least ", isa_name(lowest_isa),
                 ", which the program was compiled for; without -march=native (CMake: "
                 "-DEQSR_NATIVE=OFF) it carries them all.");
    isa_ = isa;
  }

  /// Calls `task(index, thread)` for every index in [0, count), each once, in any order. Throws
  /// `cancelled` between two tasks when a stop is requested; tasks take milliseconds.
  template <class Task>
  void parallel_for(Index count, const Task& task) {
    run(count, Observer<Cpu>::task(task));
  }

 private:
  [[gnu::noinline]] void run(Index count, FunctionRef<void(Index, int)> task) {
    pool_.run(count, [&](Index index, int thread) {
      EQSR_EXPECTS(!stop.stop_requested(), "cancelled",
                   "The run was cancelled. The network and the context can be used again.");
      task(index, thread);
    });
  }
  ThreadPool pool_;
  Isa isa_ = best_isa();
};

}}  // namespace eqsr::EQSR_ABI
