// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/version.hpp>

#include <type_traits>  // is_same_v

namespace eqsr { inline namespace EQSR_ABI {

template <class Signature>
class FunctionRef;

/// A reference to something callable, for the duration of a call. What takes one is compiled once
/// instead of once a lambda; the call costs a pointer.
template <class R, class... Arguments>
class FunctionRef<R(Arguments...)> {
 public:
  template <class F>
  requires(!std::is_same_v<F, FunctionRef>) FunctionRef(const F& function)
      : function_(&function), call_([](const void* f, Arguments... arguments) -> R {
          return (*static_cast<const F*>(f))(arguments...);
        }) {}
  R operator()(Arguments... arguments) const { return call_(function_, arguments...); }

 private:
  const void* function_;
  R (*call_)(const void*, Arguments...);
};

}}  // namespace eqsr::EQSR_ABI
