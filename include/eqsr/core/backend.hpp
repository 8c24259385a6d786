// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

/// Backends, and how one implements an operator.
namespace eqsr { inline namespace EQSR_ABI {

struct Reference {};  ///< the specification: plain loops, double accumulation
struct Cpu {};        ///< vector kernels and a thread pool
struct Cuda {};       ///< an NVIDIA GPU

/// Runs nothing: counts the bytes and operations that backend `B` would need; without one, `void`,
/// the operations alone.
template <class B>
struct DryRun {};

/// For layers that compute outside of kernels: a dry run has nothing to compute with.
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
///
/// A kernel that needs temporaries or prepared forms has a struct `Scratch` of pointers to them and
/// a static `scratch(memory, arguments...)` that takes them from a Scope; `run` gets the Scratch
/// behind the context. The same function plans, on the scope of a dry run.
template <class Op, class B>
struct Kernel {
  static_assert(detail::never<Op, B>,
                "eqsr: no kernel for this operator on this backend. Include the backend "
                "(<eqsr/eqsr.hpp> or <eqsr/eqsr.cuh>) or specialise eqsr::Kernel<Op, Backend>.");
};

/// Base of operators that are made of others, by a static `compose(context, arguments...)`: their
/// specification. Their cost is that of their parts, which they may add up themselves: a dry run
/// that composes them takes compilers longer.
struct Composite {};

/// Whether a backend runs a composite operator as one kernel instead of composing it from parts;
/// `Arguments` are those of `launch`. A backend says so in the header that defines its Context, so
/// every translation unit agrees.
template <class Op, class B, class... Arguments>
inline constexpr bool fuses = false;

template <class Op, class B, class... Arguments>
inline constexpr bool fuses<Op, DryRun<B>, Arguments...> = fuses<Op, B, Arguments...>;

/// Whether a backend's kernel of a composite computes some rows of an image alone, meeting the
/// processes that compute the others (`RowPart`). Said where `fuses` is.
template <class Op, class B>
inline constexpr bool computes_parts = false;

}}  // namespace eqsr::EQSR_ABI
