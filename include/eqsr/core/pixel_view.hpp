// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/half.hpp>     // Half
#include <eqsr/core/samples.hpp>  // to_float, to_samples, luma
#include <eqsr/core/view.hpp>     // Index

#include <algorithm>  // min
#include <concepts>   // same_as, integral
#include <cstdint>    // uint8_t, uintptr_t
#include <cstdlib>    // abs
#include <cstring>    // memcpy

/// Pixels as programs have them: in memory of the caller, of any sample type, order and stride.
namespace eqsr { inline namespace EQSR_ABI {

/// A sample of a pixel: of 8 or 16 bits, where the largest value is white, or a float or a half,
/// where 1 is.
template <class T>
concept PixelSample = std::same_as<T, std::uint8_t> || std::same_as<T, std::uint16_t> ||
    std::same_as<T, float> || std::same_as<T, Half>;

/// The order of the colours of a pixel in memory. Alpha is the last in both.
enum class Order { rgb, bgr };

/// What a pixel consists of.
struct PixelFormat {
  int channels = 3;          ///< 1: grey, 3: colours, 4: colours and alpha, not multiplied by it
  Order order = Order::rgb;  ///< of the colours
};

/// How pixels lie in memory.
struct PixelLayout {
  int height = 0, width = 0;
  int channels = 3;          ///< 1: grey, 3: colours, 4: colours and alpha, not multiplied by it
  Order order = Order::rgb;  ///< of the colours
  Index stride = 0;  ///< bytes from one row to the next; negative where the first row is the last
                     ///< in memory; 0: the rows have no gaps
};

namespace detail {

enum class SampleKind { bits8, bits16, float16, float32 };

template <PixelSample T>
inline constexpr SampleKind sample_kind = std::same_as<T, Half>    ? SampleKind::float16
                                          : std::same_as<T, float> ? SampleKind::float32
                                          : sizeof(T) == 1         ? SampleKind::bits8
                                                                   : SampleKind::bits16;

[[gnu::noinline]] inline void expect_channels(int channels) {
  EQSR_EXPECTS(channels == 1 || channels == 3 || channels == 4, "bad_argument", "Pixels of ",
               channels,
               " channels have no meaning here. Give one (grey), three (colours) or four "
               "(colours and alpha).");
}

/// A layout whose stride is that of the memory. Throws `bad_argument` for one that cannot be.
[[gnu::noinline]] inline PixelLayout checked_layout(const void* data, PixelLayout layout,
                                                    std::size_t sample) {
  expect_channels(layout.channels);
  EQSR_EXPECTS(data != nullptr && layout.height > 0 && layout.width > 0, "bad_argument",
               "There are no pixels in a view of ", layout.height, " x ", layout.width,
               data ? " pixels. Give a size of at least one." : " pixels at a null pointer.");
  const Index row = Index{layout.width} * layout.channels * static_cast<Index>(sample);
  if (layout.stride == 0) layout.stride = row;
  EQSR_EXPECTS(layout.stride >= row || layout.stride <= -row, "bad_argument", "The stride of ",
               layout.stride, " bytes is less than a row, which has ", row,
               ". Give the bytes from one row to the next.");
  return layout;
}

}  // namespace detail

/// Pixels of the caller that are read where they lie: a pointer to the first sample of the upper
/// left pixel, and the layout. Throws `bad_argument` for a layout that cannot be.
class ConstPixels {
 public:
  template <PixelSample T>
  ConstPixels(const T* data, const PixelLayout& layout)
      : data_(reinterpret_cast<const std::byte*>(data)),
        kind_(detail::sample_kind<T>),
        sample_(sizeof(T)),
        layout_(detail::checked_layout(data, layout, sizeof(T))) {}

  [[nodiscard]] int height() const { return layout_.height; }
  [[nodiscard]] int width() const { return layout_.width; }
  [[nodiscard]] int channels() const { return layout_.channels; }
  [[nodiscard]] PixelFormat format() const { return {layout_.channels, layout_.order}; }
  [[nodiscard]] detail::SampleKind kind() const { return kind_; }
  [[nodiscard]] std::size_t sample_bytes() const { return sample_; }
  /// The first byte of a row, and how many it has.
  [[nodiscard]] const std::byte* row(Index y) const { return data_ + y * layout_.stride; }
  [[nodiscard]] std::size_t row_bytes() const {
    return static_cast<std::size_t>(layout_.width) * static_cast<std::size_t>(layout_.channels) *
           sample_;
  }
  [[nodiscard]] Index stride() const { return layout_.stride; }

 private:
  const std::byte* data_;
  detail::SampleKind kind_;
  std::size_t sample_;
  PixelLayout layout_;
};

/// The same for pixels that are written.
class Pixels : public ConstPixels {
 public:
  template <PixelSample T>
  Pixels(T* data, const PixelLayout& layout)
      : ConstPixels(data, layout), memory_(reinterpret_cast<std::byte*>(data)) {}

  [[nodiscard]] std::byte* row(Index y) const { return memory_ + y * stride(); }

 private:
  std::byte* memory_;
};

/// Whether two views have a byte in common; views side by side in one picture have none.
[[gnu::noinline]] inline bool overlap(const ConstPixels& a, const ConstPixels& b) {
  const auto address = [](const std::byte* p) { return reinterpret_cast<std::uintptr_t>(p); };
  const auto lowest = (std::min)(address(a.row(0)), address(a.row(a.height() - 1)));
  const auto step = static_cast<std::uintptr_t>(std::abs(a.stride()));
  for (Index y = 0; y < b.height(); ++y) {
    const std::uintptr_t begin = address(b.row(y)), end = begin + b.row_bytes();
    if (end <= lowest) continue;
    // The last row of a that begins before this one ends: those above it end earlier still.
    const auto last = static_cast<std::uintptr_t>(a.height() - 1);
    const std::uintptr_t row = (std::min)(last, (end - 1 - lowest) / step);
    if (lowest + row * step + a.row_bytes() > begin) return true;
  }
  return false;
}

namespace detail {

template <PixelSample T>
void read_row(const ConstPixels& from, Index y, int channels, float* to) {
  const std::byte* row = from.row(y);
  const auto [stored, order] = from.format();
  for (Index x = 0; x < from.width(); ++x, row += static_cast<Index>(sizeof(T)) * stored)
    for (int c = 0; c < channels; ++c) {
      const int place = stored == 1 ? 0 : order == Order::bgr && c < 3 ? 2 - c : c;
      T sample;
      std::memcpy(&sample, row + static_cast<std::size_t>(place) * sizeof(T), sizeof(T));
      *to = to_float(sample);
      if constexpr (!std::integral<T>)
        EQSR_EXPECTS(std::isfinite(*to), "nonfinite_input", "The pixel of row ", y, " and column ",
                     x, " holds a number that is not finite. Give pixels in [0, 1].");
      ++to;
    }
}

/// Rows of floats, RGB or RGBA, as rows of samples.
class RowConverter {
 public:
  RowConverter(const PixelFormat& format, SampleKind kind, int width)
      : format_(format), kind_(kind), floats_(std::size_t(width) * std::size_t(format.channels)) {
    bytes_.resize(floats_.size() * sizeof(float));
  }
  /// Bytes that one takes.
  static std::size_t memory(int width) { return std::size_t(width) * 4 * 2 * sizeof(float); }

  /// `from` has three or four channels; the result is valid until the next call.
  [[gnu::noinline]] const std::byte* convert(const float* from, int channels) {
    float* to = floats_.data();
    for (float* const end = to + floats_.size(); to < end; from += channels)
      for (int c = 0; c < format_.channels; ++c)
        *to++ = format_.channels == 1         ? luma(from)
                : c == 3                      ? (channels == 4 ? from[3] : 1.0f)
                : format_.order == Order::bgr ? from[2 - c]
                                              : from[c];
    if (kind_ == SampleKind::bits8)
      to_samples(floats_.data(), floats_.size(), reinterpret_cast<std::uint8_t*>(bytes_.data()));
    else if (kind_ == SampleKind::bits16)
      to_samples(floats_.data(), floats_.size(), reinterpret_cast<std::uint16_t*>(bytes_.data()));
    else if (kind_ == SampleKind::float16)
      to_samples(floats_.data(), floats_.size(), reinterpret_cast<Half*>(bytes_.data()));
    else
      std::memcpy(bytes_.data(), floats_.data(), bytes_.size());
    return bytes_.data();
  }

 private:
  PixelFormat format_;
  SampleKind kind_;
  std::vector<float> floats_;
  std::vector<std::byte> bytes_;
};

}  // namespace detail

/// Pixels as an image in [0,1]: RGB, or RGBA if there is alpha. Grey becomes three equal channels.
/// Throws `nonfinite_input` for floats that are not finite.
[[gnu::noinline]] inline Image to_image(const ConstPixels& from) {
  const int channels = from.channels() == 4 ? 4 : 3;
  Image image = blank_image(from.height(), from.width(), channels);
  float* to = image.pixels.data();
  for (Index y = 0; y < from.height(); ++y, to += Index{from.width()} * channels) {
    if (from.kind() == detail::SampleKind::bits8)
      detail::read_row<std::uint8_t>(from, y, channels, to);
    else if (from.kind() == detail::SampleKind::bits16)
      detail::read_row<std::uint16_t>(from, y, channels, to);
    else if (from.kind() == detail::SampleKind::float16)
      detail::read_row<Half>(from, y, channels, to);
    else
      detail::read_row<float>(from, y, channels, to);
  }
  return image;
}

}}  // namespace eqsr::EQSR_ABI
