// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/image.hpp>         // Image
#include <eqsr/io/picture/header.hpp>  // PictureHeader
#include <eqsr/io/picture/stb.hpp>     // stb, stb_release

#include <algorithm>  // clamp, min
#include <cstdint>    // uint8_t
#include <utility>    // exchange
#include <vector>     // vector

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

/// Decodes a block with `kernel`, and watches for values so far beyond the range that decoders
/// differ: libjpeg wraps around what is 512 levels or more from the middle, here all is clamped.
struct JpegIdct {
  using Kernel = void (*)(stb::stbi_uc* out, int stride, short values[64]);
  static inline thread_local Kernel kernel = nullptr;
  static inline thread_local bool beyond = false;  ///< whether a block had such values

  static void run(stb::stbi_uc* out, int stride, short values[64]) {
    int sum = 0;  // a level is at most a quarter of it
    for (int i = 0; i < 64; ++i) sum += values[i] < 0 ? -values[i] : values[i];
    if (sum >= 4 * 512 && !beyond) {  // a quarter of the values must not be clamped
      alignas(16) short part[64];
      stb::stbi_uc levels[64];
      for (int i = 0; i < 64; ++i) part[i] = static_cast<short>(values[i] / 4);
      kernel(levels, 8, part);
      for (const stb::stbi_uc level : levels) beyond = beyond || level == 0 || level == 255;
    }
    kernel(out, stride, values);
  }
};

/// The channels of a JPEG at their own sizes, decoded by stb. Its last step, which brings them to
/// one size and to RGB, is not used: it miscomputes the end of each row of 4:2:2.
class JpegPlanes {
 public:
  JpegPlanes(std::string_view bytes)
      : decoder_(static_cast<stb::stbi__jpeg*>(stb_allocate(sizeof(stb::stbi__jpeg)))) {
    if (decoder_ == nullptr) return;
    stb::stbi__start_mem(&source_, reinterpret_cast<const unsigned char*>(bytes.data()),
                         static_cast<int>(bytes.size()));
    decoder_->s = &source_;
    stb::stbi__setup_jpeg(decoder_);
    source_.img_n = 0;
    JpegIdct::beyond = false;
    JpegIdct::kernel = std::exchange(decoder_->idct_block_kernel, JpegIdct::run);
    good_ = stb::stbi__decode_jpeg_image(decoder_) != 0;
  }
  JpegPlanes(const JpegPlanes&) = delete;
  JpegPlanes& operator=(const JpegPlanes&) = delete;
  ~JpegPlanes() {
    if (decoder_ != nullptr) stb::stbi__cleanup_jpeg(decoder_);
    stb_release(decoder_);
  }

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::uint32_t width() const { return source_.img_x; }
  [[nodiscard]] std::uint32_t height() const { return source_.img_y; }
  [[nodiscard]] int channels() const { return source_.img_n; }

  /// Row `y` of a channel at the size of the picture, computed as libjpeg does: by a triangle
  /// filter for factors of two, else by repetition. `row` has room for a width rounded up to 32.
  void row(int channel, std::uint32_t y, std::uint8_t* row) const {
    const auto& plane = decoder_->img_comp[channel];
    const auto across = static_cast<unsigned>(decoder_->img_h_max / plane.h);
    const auto down = static_cast<unsigned>(decoder_->img_v_max / plane.v);
    const auto width = static_cast<std::size_t>(plane.x);
    const auto line = [&](std::uint32_t at) {
      return plane.data + static_cast<std::size_t>(at) * static_cast<std::size_t>(plane.w2);
    };
    const std::uint32_t at = y / down, last = static_cast<std::uint32_t>(plane.y) - 1;
    const std::uint8_t* here = line(at);
    const std::uint8_t* other = line(y % 2 != 0 ? (std::min)(at + 1, last) : at - (at > 0 ? 1 : 0));
    if (across == 2 && down == 1 && width > 2) return widen(here, width, row);
    if (across == 2 && down == 2 && width > 2) return widen_between(here, other, width, row);
    if (across == 1 && down == 2) {
      const int rounding = y % 2 != 0 ? 2 : 1;
      for (std::size_t x = 0; x < width; ++x)
        row[x] = static_cast<std::uint8_t>((3 * here[x] + other[x] + rounding) >> 2);
      return;
    }
    for (std::size_t x = 0; x < width; ++x)
      for (unsigned i = 0; i < across; ++i) *row++ = here[x];
  }

 private:
  static void widen(const std::uint8_t* in, std::size_t width, std::uint8_t* out) {
    for (std::size_t x = 0; x < width; ++x) {
      const int left = in[x == 0 ? 0 : x - 1], right = in[(std::min)(x + 1, width - 1)];
      *out++ = static_cast<std::uint8_t>((3 * in[x] + left + 1) >> 2);
      *out++ = static_cast<std::uint8_t>((3 * in[x] + right + 2) >> 2);
    }
  }
  static void widen_between(const std::uint8_t* near, const std::uint8_t* far, std::size_t width,
                            std::uint8_t* out) {
    const auto sum = [&](std::size_t x) { return 3 * near[x] + far[x]; };
    for (std::size_t x = 0; x < width; ++x) {
      const int left = sum(x == 0 ? 0 : x - 1), right = sum((std::min)(x + 1, width - 1));
      *out++ = static_cast<std::uint8_t>((3 * sum(x) + left + 8) >> 4);
      *out++ = static_cast<std::uint8_t>((3 * sum(x) + right + 7) >> 4);
    }
  }

  stb::stbi__context source_{};
  stb::stbi__jpeg* decoder_;
  bool good_ = false;
};

/// Brightness and two colours to RGB (JFIF 1.02), rounded as libjpeg does, in 16 bits of fraction.
inline void ycbcr_to_rgb(std::uint8_t& a, std::uint8_t& b, std::uint8_t& c) {
  const auto fixed = [](double factor) { return static_cast<int>(factor * 65536 + 0.5); };
  constexpr int half = 1 << 15;
  const int y = a, blue = b - 128, red = c - 128;
  const auto byte = [](int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); };
  a = byte(y + ((fixed(1.40200) * red + half) >> 16));
  b = byte(y + ((-fixed(0.34414) * blue + half - fixed(0.71414) * red) >> 16));
  c = byte(y + ((fixed(1.77200) * blue + half) >> 16));
}

/// Decodes the essence of a JPEG to RGB; grey is replicated. Nothing if the decoder refuses it.
inline Image decoded_jpeg(std::string_view essence, const PictureHeader& header) {
  const JpegPlanes planes(essence);
  if (!planes.good() || planes.width() != header.width || planes.height() != header.height ||
      planes.channels() != header.channels)
    return {0, 0, 3, {}};
  Image image = blank_image(static_cast<int>(header.height), static_cast<int>(header.width));
  const std::size_t room = std::size_t{header.width} + 32;
  std::vector<std::uint8_t> memory(3 * room);
  std::uint8_t* rows[3];
  for (std::size_t c = 0; c < 3; ++c) rows[c] = memory.data() + c * room;
  float* out = image.pixels.data();
  for (std::uint32_t y = 0; y < header.height; ++y) {
    for (int c = 0; c < header.channels; ++c) planes.row(c, y, rows[c]);
    for (std::size_t x = 0; x < header.width; ++x) {
      std::uint8_t pixel[3];
      for (std::size_t c = 0; c < 3; ++c) pixel[c] = rows[header.channels == 1 ? 0 : c][x];
      if (header.ycbcr) ycbcr_to_rgb(pixel[0], pixel[1], pixel[2]);
      for (const std::uint8_t sample : pixel) *out++ = static_cast<float>(sample) / 255.0F;
    }
  }
  return image;
}

}}}  // namespace eqsr::EQSR_ABI::detail
