// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/layer.hpp>  // Rows
#include <eqsr/core/plan.hpp>   // Cost

#include <array>  // array

namespace eqsr { inline namespace EQSR_ABI {

/// One number a channel.
template <class T, int C = dynamic>
using Channels = View<T, Axis<'c', C>>;

namespace op {
/// Mean over all pixels of a plane.   y(c) = mean over h, w of x(h, w, c)
/// Rounding  sums of one image row in double, in order; the rows' sums added in row order: the
///           result does not depend on bands or threads
struct ChannelMean {
  template <int C>
  static Cost cost(Plane<const float, C> x, Channels<float, C>) {
    return of(double(x.size()));
  }
  static Cost of(double numbers) { return {.flops = numbers, .bytes = 4 * numbers}; }
};

/// Gate.   y(m, c) = residual(m, c) + gate(c) x(m, c); y may be x or the residual.
struct ChannelScale {
  template <int C>
  static Cost cost(Rows<const float, C> x, Channels<const float, C>, Rows<float, C>,
                   Rows<const float, C>) {
    return of(double(x.size()));
  }
  static Cost of(double numbers) { return {.flops = 2 * numbers, .bytes = 12 * numbers}; }
};

/// Shift by constants.   y(m, c) = x(m, c) + shift(c); y may be x.
struct ChannelShift {
  template <int C, std::size_t S>
  static Cost cost(Rows<const float, C> x, const std::array<float, S>&, Rows<float, C>) {
    return {.flops = double(x.size()), .bytes = 8.0 * double(x.size())};
  }
};

/// Constants.   y(m, c) = value(c)
struct ChannelFill {
  template <int C, std::size_t S>
  static Cost cost(const std::array<float, S>&, Rows<float, C> y) {
    return {.flops = 0, .bytes = 4.0 * double(y.size())};
  }
};
}  // namespace op

template <>
struct Kernel<op::ChannelMean, Reference> {
  template <int C>
  static void run(auto&, Plane<const float, C> x, Channels<float, C> y) {
    const Index height = extent<'h'>(x), width = extent<'w'>(x);
    for (int c = 0; c < C; ++c) {
      double sum = 0;
      for (Index h = 0; h < height; ++h) {
        double row = 0;
        for (Index w = 0; w < width; ++w) row += x(h, w, c);
        sum += row;
      }
      y(c) = static_cast<float>(sum / (double(height) * double(width)));
    }
  }
};

template <>
struct Kernel<op::ChannelScale, Reference> {
  template <int C>
  static void run(auto&, Rows<const float, C> x, Channels<const float, C> gate, Rows<float, C> y,
                  Rows<const float, C> residual) {
    for (Index m = 0; m < extent<'m'>(x); ++m)
      for (int c = 0; c < C; ++c)
        y(m, c) = static_cast<float>((residual.empty() ? 0.0 : double(residual(m, c))) +
                                     double(gate(c)) * x(m, c));
  }
};

template <>
struct Kernel<op::ChannelShift, Reference> {
  template <int C, std::size_t S>
  static void run(auto&, Rows<const float, C> x, const std::array<float, S>& shift,
                  Rows<float, C> y) {
    static_assert(S == C, "eqsr: ChannelShift: give one number a channel.");
    for (Index m = 0; m < extent<'m'>(x); ++m)
      for (std::size_t c = 0; c < S; ++c) y(m, c) = x(m, c) + shift[c];
  }
};

template <>
struct Kernel<op::ChannelFill, Reference> {
  template <int C, std::size_t S>
  static void run(auto&, const std::array<float, S>& value, Rows<float, C> y) {
    static_assert(S == C, "eqsr: ChannelFill: give one number a channel.");
    for (Index m = 0; m < extent<'m'>(y); ++m)
      for (std::size_t c = 0; c < S; ++c) y(m, c) = value[c];
  }
};

}}  // namespace eqsr::EQSR_ABI
