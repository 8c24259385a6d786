// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/image.hpp>     // Image
#include <eqsr/core/layer.hpp>     // for_each_parameter
#include <eqsr/core/plan.hpp>      // Context
#include <eqsr/layer/channel.hpp>  // Channels

#include "support/synthetic.hpp"

#include <limits>   // quiet_NaN
#include <utility>  // move

/// Modules with synthetic parameters, and planes with memory.
namespace eqsr_test {

using eqsr::Index;

/// Gives every parameter of a module the synthetic values of its name behind `prefix`.
template <class M>
void fill(M& module, const std::string& prefix = "", const std::string& salt = "") {
  eqsr::for_each_parameter(module, [&](const std::string& name, auto& tensor) {
    const auto values = synthetic_parameter(prefix + name, eqsr::shape_of(tensor), salt);
    tensor.copy_from_host(values.data());
  });
}

/// Gives a parameter the values of a list, row-major.
void set(auto& tensor, const std::vector<float>& values) {
  EQSR_EXPECTS(std::size_t(tensor.size()) == values.size(), "shape_mismatch", "The test gives ",
               values.size(), " values to a tensor of ", tensor.size(), ".");
  tensor.copy_from_host(values.data());
}

/// A feature map with its memory; NaN until it is written.
template <int C>
struct Map {
  Index h, w;
  std::vector<float> values;

  Map(Index height, Index width)
      : h(height),
        w(width),
        values(static_cast<std::size_t>(height * width * C),
               std::numeric_limits<float>::quiet_NaN()) {}
  Map(Index height, Index width, std::vector<float> content)
      : h(height), w(width), values(std::move(content)) {}
  /// Filled with the synthetic input of that name, in the order of memory.
  Map(Index height, Index width, std::string_view input)
      : h(height), w(width), values(synthetic_input(input, std::size_t(height * width * C))) {}

  [[nodiscard]] eqsr::Plane<const float, C> in() const {
    return eqsr::Plane<const float, C>(values.data(), h, w);
  }
  [[nodiscard]] eqsr::Rows<const float, C> in_rows() const { return eqsr::rows(in()); }
  [[nodiscard]] eqsr::Plane<float, C> out() { return eqsr::Plane<float, C>(values.data(), h, w); }
  [[nodiscard]] eqsr::Rows<float, C> out_rows() { return eqsr::rows(out()); }
  [[nodiscard]] eqsr::Channels<const float, C> in_channels() const {
    return eqsr::Channels<const float, C>(values.data());
  }
  [[nodiscard]] eqsr::Channels<float, C> out_channels() {
    return eqsr::Channels<float, C>(values.data());
  }
  float& operator()(Index y, Index x, int c) {
    return values[static_cast<std::size_t>((y * w + x) * C + c)];
  }
};

/// [channels, rows, columns], as PyTorch has it, to channels last.
inline std::vector<float> channels_last(const std::vector<float>& planar, std::size_t channels) {
  const std::size_t pixels = planar.size() / channels;
  std::vector<float> values(planar.size());
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t m = 0; m < pixels; ++m) values[m * channels + c] = planar[c * pixels + m];
  return values;
}

/// The synthetic image of that name.
inline Map<3> image_map(std::string_view name, Index height, Index width) {
  Map<3> image(height, width);
  image.values = channels_last(
      synthetic_image(name, static_cast<std::size_t>(height), static_cast<std::size_t>(width)), 3);
  return image;
}

/// The synthetic image `input` as a picture in memory.
inline eqsr::Image input_image(int height, int width) {
  return {height, width, 3, image_map("input", height, width).values};
}

/// A synthetic input that a golden file stores as [1, channels, rows, columns].
template <int C>
Map<C> planar_input(std::string_view name, Index height, Index width) {
  Map<C> map(height, width, name);
  map.values = channels_last(map.values, C);
  return map;
}

/// The names and shapes of a module's parameters: `weight [5,4] bias [5]`.
template <class M>
std::string parameter_list(const M& module) {
  std::string list;
  eqsr::for_each_parameter(module, [&](const std::string& name, const auto& tensor) {
    list += eqsr::say(list.empty() ? "" : " ", name, " [");
    for (const Index extent : eqsr::shape_of(tensor))
      list += eqsr::say(list.back() == '[' ? "" : ",", extent);
    list += "]";
  });
  return list;
}

/// `code: sentence` of the error that `f` throws.
template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const eqsr::Error& error) {
    return error.code() + ": " + error.what();
  }
  return "no error";
}

}  // namespace eqsr_test
