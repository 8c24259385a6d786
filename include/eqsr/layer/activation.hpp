// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/plan.hpp>  // Cost

#include <cmath>  // erf, exp

namespace eqsr { inline namespace EQSR_ABI {

/// The activations of the network. GELU is the exact erf form, SiLU is x * sigmoid(x).
/// A new one goes into the list below, which the tests of every operator run through, and into
/// each `switch` that `-Wswitch` then names.
enum class Activation { none, relu, gelu, silu, sigmoid };
inline constexpr Activation all_activations[] = {
    Activation::none, Activation::relu, Activation::gelu, Activation::silu, Activation::sigmoid};

/// The activation in double precision.
inline double activate(Activation kind, double x) {
  switch (kind) {
    case Activation::relu:
      return x < 0 ? 0 : x;  // a NaN stays one
    case Activation::gelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::none:
      break;
  }
  return x;
}

/// What a matrix-like operator does with its sums before it writes them:
///   y = residual + activation(sum + bias)
/// The residual may be the output itself (`x += f(x)`), element for element.
template <int C>
struct Epilogue {
  Activation activation = Activation::none;
  Rows<const float, C> residual{};

  /// Throws `shape_mismatch` unless the residual, if there is one, has the output's rows.
  void expect_rows(Rows<const float, C> y, const char* layer) const {
    if (!residual.empty()) expect_same_pixels(residual, y, layer, "residual");
  }

  /// The specification of the epilogue, for one element.
  [[nodiscard]] float apply(double sum, Index m, int c) const {
    const double y = activate(activation, sum);
    return static_cast<float>(residual.empty() ? y : y + residual(m, c));
  }
};

namespace op {
/// y(i) = activation(x(i) + addend(i)), element by element; the addend may be empty, and y may be
/// the memory of x or of the addend.
/// Rounding  one rounding of a result that is accurate to a few ulp
/// Source    the ReLUs and sums between the blocks of `upsample`
struct Activate {
  template <int C>
  static Cost cost(Activation, Rows<const float, C> x, Rows<const float, C>, Rows<float, C>) {
    return of(double(x.size()));
  }
  static Cost of(double numbers) { return {.flops = 2 * numbers, .bytes = 12 * numbers}; }
};
}  // namespace op

template <>
struct Kernel<op::Activate, Reference> {
  template <int C>
  static void run(auto&, Activation kind, Rows<const float, C> x, Rows<const float, C> addend,
                  Rows<float, C> y) {
    for (Index i = 0; i < x.size(); ++i) {
      const double sum = x.data()[i] + (addend.empty() ? 0.0 : double(addend.data()[i]));
      y.data()[i] = static_cast<float>(activate(kind, sum));
    }
  }
};

}}  // namespace eqsr::EQSR_ABI
