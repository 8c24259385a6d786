// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "support/module.hpp"

#include <list>  // list

namespace eqsr_test {

/// Arrays in the memory of a backend, each with its own allocation, so that nothing beside it
/// belongs to it.
template <class B>
class Arrays {
 public:
  template <int C>
  eqsr::Plane<const float, C> in(const Map<C>& map) {
    auto& tensor = tensors_.emplace_back(map.h * map.w * C);
    tensor.copy_from_host(map.values.data());
    return eqsr::Plane<const float, C>(std::as_const(tensor).data(), map.h, map.w);
  }
  template <int C>
  eqsr::Rows<const float, C> in_rows(const Map<C>& map) {
    return eqsr::rows(in(map));
  }
  /// An output that begins with the values of a map.
  template <int C>
  eqsr::Plane<float, C> copy(const Map<C>& map) {
    const auto plane = in(map);
    return eqsr::Plane<float, C>(const_cast<float*>(plane.data()), map.h, map.w);
  }
  /// An output that holds NaN.
  template <int C>
  eqsr::Plane<float, C> out(Index h, Index w) {
    return copy(Map<C>(h, w));
  }
  template <class T, class... Axes>
  static std::vector<float> get(const eqsr::View<T, Axes...>& view) {
    std::vector<float> values(static_cast<std::size_t>(view.size()));
    eqsr::Memory<B>::to_host(values.data(), view.data(), values.size() * sizeof(float));
    return values;
  }

 private:
  std::list<eqsr::Tensor<B, float, eqsr::Axis<'m'>>> tensors_;
};

}  // namespace eqsr_test
