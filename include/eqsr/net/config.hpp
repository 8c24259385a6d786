// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/layer/frequency_encoding.hpp>  // encoding_size

#include <array>  // array

namespace eqsr { inline namespace EQSR_ABI {

/// What the adaptive feature extractors are told about the enlargement.
enum class Conditioning {
  target_height,  ///< t = fl(2 / H), as published
  scale,          ///< t = fl(2 / (training_patch sqrt(H/h W/w))): independent of the image's size
};

/// What the network's output is added to.
enum class ImageSkip {
  none,     ///< the mean colour, as published
  bicubic,  ///< the interpolated input
};

/// The shape of a network: a literal type used as a value. `Net<config, Backend>` is a type.
///
///     inline constexpr eqsr::Config mine{.channels = 24, .depths = {3, 2}, .heads = 2};
struct Config {
  int channels = 180;                            ///< C of the low-resolution trunk
  std::array<int, 12> depths{5, 5, 5, 5, 5, 5};  ///< blocks a group, zero-terminated; the last one
                                                 ///< of each is the overlapping attention
  int heads = 6;                                 ///< attention heads
  int window = 16;                               ///< side of the attention window
  double overlap_ratio = 0.5;                    ///< key window = window + int(window * ratio)
  double mlp_ratio = 2;                          ///< hidden = int(channels * ratio)
  double squeeze_ratio = 0.25;                   ///< hidden = int(channels * ratio)
  int latent = 256;                              ///< channels of the upsampler
  int frequencies = 40;                          ///< F of the frequency encoding
  Conditioning conditioning = Conditioning::target_height;
  int training_patch = 48;  ///< for Conditioning::scale
  ImageSkip image_skip = ImageSkip::none;

  [[nodiscard]] constexpr int groups() const {
    int count = 0;
    while (count < 12 && depths[static_cast<unsigned>(count)] > 0) ++count;
    return count;
  }
  [[nodiscard]] constexpr int key_window() const {
    return window + static_cast<int>(window * overlap_ratio);
  }
  [[nodiscard]] constexpr int mlp_hidden() const { return static_cast<int>(channels * mlp_ratio); }
  [[nodiscard]] constexpr int squeeze_hidden() const {
    return static_cast<int>(channels * squeeze_ratio);
  }
  [[nodiscard]] constexpr int encoded() const { return encoding_size(frequencies); }
  constexpr bool operator==(const Config&) const = default;
};

/// The published configuration: 13 619 510 parameters.
inline constexpr Config base{};

/// The configuration of the shipped weights, `weights/eqsr-lite.safetensors`.
inline constexpr Config lite{.channels = 48,
                             .depths = {3, 3, 3, 3},
                             .heads = 4,
                             .window = 8,
                             .latent = 64,
                             .frequencies = 10,
                             .conditioning = Conditioning::scale,
                             .image_skip = ImageSkip::bicubic};

/// Stops compilation with a sentence where a configuration contradicts itself.
template <Config config>
constexpr void check_config() {
  static_assert(config.channels > 0 && config.heads > 0,
                "eqsr::Config: channels and heads must be positive. Change channels or heads.");
  static_assert(config.channels % config.heads == 0,
                "eqsr::Config: channels must be a multiple of heads. Change channels or heads.");
  static_assert(config.groups() > 0,
                "eqsr::Config: depths is empty. Give at least one group, such as {5}.");
  static_assert(
      [] {
        for (int g = 0; g < 12; ++g)
          if (config.depths[static_cast<unsigned>(g)] < 0 ||
              (g >= config.groups() && config.depths[static_cast<unsigned>(g)] != 0))
            return false;
        return true;
      }(),
      "eqsr::Config: depths must be positive numbers followed by zeros. Remove the gap.");
  static_assert(
      config.window >= 2 && config.window % 2 == 0,
      "eqsr::Config: window must be even, since blocks shift by half of it. Use 8 or 16.");
  static_assert(config.overlap_ratio >= 0 && config.overlap_ratio <= 2 &&
                    (config.key_window() - config.window) % 2 == 0,
                "eqsr::Config: window * overlap_ratio must be an even number between 0 and twice "
                "the window. Change overlap_ratio.");
  static_assert(config.mlp_hidden() > 0,
                "eqsr::Config: channels * mlp_ratio must be at least 1. Change mlp_ratio.");
  static_assert(config.squeeze_hidden() > 0,
                "eqsr::Config: channels * squeeze_ratio must be at least 1. Change squeeze_ratio.");
  static_assert(config.latent > 0 && config.latent % 8 == 0,
                "eqsr::Config: latent must be a multiple of 8, the involution's group size.");
  static_assert(config.frequencies >= 0 && config.frequencies <= 60,
                "eqsr::Config: frequencies must be between 0 and 60.");
  static_assert(config.training_patch > 0, "eqsr::Config: training_patch must be positive.");
}

}}  // namespace eqsr::EQSR_ABI
