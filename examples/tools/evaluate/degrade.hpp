// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.hpp"
#include "jpeg.hpp"
#include "protocol.hpp"

/// What happens to pictures before people have them, by name and reproducible: blur before the
/// reduction to the input, noise and JPEG after it, in this order.
namespace tool {

struct Degradation {
  enum class Kind { blur, noise, jpeg };
  Kind kind = Kind::blur;
  double amount = 0;         ///< deviation in pixels or in levels of 255, or quality
  bool full_colour = false;  ///< JPEG: 4:4:4 instead of 4:2:0
  std::string text{};        ///< as it was written
};

/// Convolution with a Gaussian cut off at four deviations, mirrored at the border, rounded once.
inline Bytes blurred(const Bytes& from, double deviation) {
  const int reach = std::max(1, int(std::ceil(4 * deviation)));
  std::vector<double> taps;
  double sum = 0;
  for (int i = -reach; i <= reach; ++i) {
    taps.push_back(std::exp(-0.5 * i * i / (deviation * deviation)));
    sum += taps.back();
  }
  const auto mirrored = [](int i, int n) {
    i = ((i % (2 * n)) + 2 * n) % (2 * n);
    return i < n ? i : 2 * n - 1 - i;
  };
  std::vector<double> rows(from.pixels.size());
  for (int y = 0; y < from.height; ++y)
    for (int x = 0; x < from.width; ++x)
      for (std::size_t c = 0; c < 3; ++c) {
        double value = 0;
        for (int i = -reach; i <= reach; ++i)
          value += taps[std::size_t(i + reach)] *
                   from.pixels[from.at(y, mirrored(x + i, from.width)) + c];
        rows[from.at(y, x) + c] = value / sum;
      }
  Bytes to = blank_bytes(from.height, from.width);
  for (int y = 0; y < from.height; ++y)
    for (int x = 0; x < from.width; ++x)
      for (std::size_t c = 0; c < 3; ++c) {
        double value = 0;
        for (int i = -reach; i <= reach; ++i)
          value +=
              taps[std::size_t(i + reach)] * rows[from.at(mirrored(y + i, from.height), x) + c];
        to.pixels[to.at(y, x) + c] =
            std::uint8_t(std::clamp(std::floor(value / sum + 0.5), 0.0, 255.0));
      }
  return to;
}

/// A number that depends on names alone (FNV-1a): the seed of a picture's noise.
inline std::uint64_t seed_of(std::uint64_t seed, std::string_view name, std::string_view scale) {
  std::uint64_t hash = 0xCBF29CE484222325u ^ seed;
  for (const std::string_view part : {name, std::string_view("\0", 1), scale})
    for (const char byte : part) hash = (hash ^ std::uint8_t(byte)) * 0x100000001B3u;
  return hash;
}

/// Adds normal noise to every sample: splitmix64 and the Box-Muller transform, since the standard
/// library's distributions differ from one to another.
inline void add_noise(Bytes& bytes, double deviation, std::uint64_t seed) {
  const auto uniform = [&] {  // in (0, 1)
    std::uint64_t z = seed += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
  };
  for (std::uint8_t& sample : bytes.pixels) {
    const double size = std::sqrt(-2 * std::log(uniform()));
    const double turn = std::cos(6.283185307179586 * uniform());
    const double noisy = std::floor(sample + deviation * size * turn + 0.5);
    sample = std::uint8_t(std::clamp(noisy, 0.0, 255.0));
  }
}

/// The input of `made` again, degraded.
inline Bytes degraded_input(const Case& made, Filter filter, const std::vector<Degradation>& all,
                            std::uint64_t seed) {
  using Kind = Degradation::Kind;
  const auto each = [&](Kind kind, auto use) {
    for (const Degradation& one : all)
      if (one.kind == kind) use(one);
  };
  Bytes low = made.low;
  each(Kind::blur, [&](const Degradation& one) {
    low = resample(blurred(made.truth, one.amount), low.height, low.width, filter);
  });
  each(Kind::noise, [&](const Degradation& one) { add_noise(low, one.amount, seed); });
  each(Kind::jpeg,
       [&](const Degradation& one) { low = through_jpeg(low, int(one.amount), one.full_colour); });
  return low;
}

/// What a report says of them: "jpeg:75 (libjpeg-turbo 2.1.5)"; nothing without any.
inline std::string sentence(const std::vector<Degradation>& all) {
  std::string text;
  for (const Degradation& one : all) {
    text += (text.empty() ? "" : " + ") + one.text;
    if (one.kind == Degradation::Kind::jpeg) text += " (" + jpeg_encoder() + ")";
  }
  return text;
}

}  // namespace tool
