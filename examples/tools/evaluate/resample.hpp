// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>

#include "bytes.hpp"

/// The two bicubic filters that the field's test data are made with, bit for bit, on bytes.
///
/// Both use the cubic kernel with a = -0.5, widened by the factor when they reduce (which is the
/// anti-aliasing), and round to bytes after each axis. They differ in the border, in the order of
/// the axes and in the arithmetic, by about one grey level; networks notice.
namespace tool {

enum class Filter { matlab, pillow };

/// One output sample: weights of the input samples from `first` on.
template <class Weight>
struct Taps {
  std::vector<int> index;  ///< of the input sample, one a weight
  std::vector<Weight> weight;
};

inline double matlab_cubic(double x) {
  const double a = std::abs(x), a2 = a * a, a3 = a2 * a;
  if (a <= 1) return 1.5 * a3 - 2.5 * a2 + 1;
  return a <= 2 ? -0.5 * a3 + 2.5 * a2 - 4 * a + 2 : 0;
}

/// MATLAB's imresize: positions from the ratio of the sizes, the border mirrored with its edge.
inline std::vector<Taps<double>> matlab_taps(int from, int to) {
  const double scale = double(to) / from, narrow = std::min(scale, 1.0);
  const int count = int(std::ceil(4 / narrow)) + 2;
  std::vector<Taps<double>> taps(std::size_t(to), Taps<double>{});
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 1) / scale + 0.5 * (1 - 1 / scale);  // counted from 1
    const double left = std::floor(centre - 2 / narrow);
    Taps<double>& tap = taps[std::size_t(i)];
    double sum = 0;
    for (int k = 0; k < count; ++k) {
      const double weight = narrow * matlab_cubic(narrow * (centre - (left + k)));
      if (weight == 0) continue;
      const int period = 2 * from;
      const int place = ((int(left) + k - 1) % period + period) % period;
      tap.index.push_back(std::min(place, period - 1 - place));
      tap.weight.push_back(weight);
      sum += weight;
    }
    for (double& weight : tap.weight) weight /= sum;
  }
  return taps;
}

inline std::uint8_t apply(const Taps<double>& tap, const std::uint8_t* samples,
                          std::size_t stride) {
  double sum = 0;
  for (std::size_t k = 0; k < tap.index.size(); ++k)
    sum += tap.weight[k] * samples[std::size_t(tap.index[k]) * stride];
  return std::uint8_t(std::floor(std::clamp(sum, 0.0, 255.0) + 0.5));
}

inline double pillow_cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/// Pillow's resize: samples outside the picture are left out, weights are integers of 22 bits.
inline std::vector<Taps<int>> pillow_taps(int from, int to) {
  const double scale = double(from) / to, wide = std::max(scale, 1.0), support = 2 * wide;
  std::vector<Taps<int>> taps(std::size_t(to), Taps<int>{});
  std::vector<double> weights;
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, int(centre - support + 0.5));
    const int last = std::min(from, int(centre + support + 0.5));
    weights.clear();
    double sum = 0;
    for (int k = first; k < last; ++k) {
      weights.push_back(pillow_cubic((k - centre + 0.5) * (1 / wide)));
      sum += weights.back();
    }
    for (int k = first; k < last; ++k) {
      const double weight = weights[std::size_t(k - first)] / sum * (1 << 22);
      taps[std::size_t(i)].index.push_back(k);
      taps[std::size_t(i)].weight.push_back(int(weight + (weight < 0 ? -0.5 : 0.5)));
    }
  }
  return taps;
}

inline std::uint8_t apply(const Taps<int>& tap, const std::uint8_t* samples, std::size_t stride) {
  int sum = 1 << 21;
  for (std::size_t k = 0; k < tap.index.size(); ++k)
    sum += tap.weight[k] * samples[std::size_t(tap.index[k]) * stride];
  return std::uint8_t(std::clamp(sum >> 22, 0, 255));
}

template <class Weight>
Bytes resample_rows(const Bytes& from, const std::vector<Taps<Weight>>& taps) {
  Bytes to = blank_bytes(int(taps.size()), from.width);
  const std::size_t row = std::size_t(from.width) * 3;
  for (std::size_t y = 0; y < taps.size(); ++y)
    for (std::size_t x = 0; x < row; ++x)
      to.pixels[y * row + x] = apply(taps[y], from.pixels.data() + x, row);
  return to;
}

template <class Weight>
Bytes resample_columns(const Bytes& from, const std::vector<Taps<Weight>>& taps) {
  Bytes to = blank_bytes(from.height, int(taps.size()));
  std::uint8_t* out = to.pixels.data();
  for (int y = 0; y < from.height; ++y)
    for (const Taps<Weight>& tap : taps)
      for (std::size_t c = 0; c < 3; ++c)
        *out++ = apply(tap, from.pixels.data() + from.at(y, 0) + c, 3);
  return to;
}

/// `from` at another size, larger or smaller on each axis.
inline Bytes resample(const Bytes& from, int height, int width, Filter filter) {
  if (filter == Filter::pillow) {  // columns first; an axis that keeps its size is not touched
    const Bytes wide =
        width == from.width ? from : resample_columns(from, pillow_taps(from.width, width));
    return height == from.height ? wide : resample_rows(wide, pillow_taps(from.height, height));
  }
  // The axis with the smaller ratio of sizes goes first, rows if they are equal.
  const auto rows = matlab_taps(from.height, height);
  const auto columns = matlab_taps(from.width, width);
  const bool rows_first = double(height) / from.height <= double(width) / from.width;
  return rows_first ? resample_columns(resample_rows(from, rows), columns)
                    : resample_rows(resample_columns(from, columns), rows);
}

}  // namespace tool
