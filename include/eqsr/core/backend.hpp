// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <utility>  // forward

/// Backends and the single point where an operator meets one.
namespace eqsr { inline namespace EQSR_ABI {

struct Reference {};  ///< the specification: plain loops, double accumulation
struct Cpu {};        ///< Eigen, vector kernels and a thread pool
struct Cuda {};       ///< an NVIDIA GPU

/// Runs nothing: counts the bytes and operations that backend `B` would need.
template <class B>
struct DryRun {};

template <class B>
inline constexpr bool is_dry = false;
template <class B>
inline constexpr bool is_dry<DryRun<B>> = true;

/// What a backend needs to run: threads or a stream, an arena, a precision. Comes first in calls.
template <class B>
class Context;

template <class C>
concept AnyContext = requires {
  typename C::backend;
};

namespace detail {
template <class...>
inline constexpr bool never = false;
}

/// The implementation of operator `Op` on backend `B`: specialisations have a static `run`, whose
/// arguments are the context, the inputs, the layer that owns the parameters, and the outputs.
/// `grep 'Kernel<op::Linear'` lists every implementation of an operator.
template <class Op, class B>
struct Kernel {
  static_assert(detail::never<Op, B>,
                "eqsr: no kernel for this operator on this backend. Include the backend "
                "(<eqsr/eqsr.hpp> or <eqsr/eqsr.cuh>) or specialise eqsr::Kernel<Op, Backend>.");
};

/// Whether a backend runs a composite operator as one kernel instead of composing it from parts.
/// A backend says so in the header that defines its Context, so every translation unit agrees.
template <class Op, class B>
inline constexpr bool fuses = false;

template <class Op, class B>
inline constexpr bool fuses<Op, DryRun<B>> = fuses<Op, B>;

/// Whether a backend's kernel of a composite computes some rows of an image alone, meeting the
/// processes that compute the others (`RowPart`). Said where `fuses` is.
template <class Op, class B>
inline constexpr bool computes_parts = false;

/// Runs operator `Op` on the backend of the context.
template <class Op, AnyContext C, class... Arguments>
void launch(C& context, Arguments&&... arguments) {
  Kernel<Op, typename C::backend>::run(context, std::forward<Arguments>(arguments)...);
}

}}  // namespace eqsr::EQSR_ABI
