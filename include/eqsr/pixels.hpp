// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/alpha.hpp>              // upscale_alpha
#include <eqsr/core/function_ref.hpp>  // FunctionRef
#include <eqsr/core/pixel_view.hpp>    // Pixels

#include <functional>  // function
#include <span>        // span

/// The front door for pixels in memory of the caller. The input is converted to floats once, the
/// result is written row by row, clamped and rounded as `write_image` does it; floats are written
/// as they are. No other copy of the result is made.
namespace eqsr { inline namespace EQSR_ABI {

namespace detail {

[[gnu::noinline]] inline void expect_room_for_alpha(int from, int to, Alpha how) {
  EQSR_EXPECTS(from != 4 || to == 4 || how == Alpha::drop, "bad_argument",
               "The input has alpha, but the result has ", to,
               " channels. Give it four, or leave alpha out with Alpha::drop.");
}
[[gnu::noinline]] inline void expect_apart(const ConstPixels& from, const ConstPixels& to) {
  EQSR_EXPECTS(!overlap(from, to), "bad_argument",
               "The result would be written over the input, since the two have memory in common. "
               "Give the result memory of its own.");
}

/// Whether both views lie in memory of the context's backend, not of the host.
template <AnyContext C>
bool on_device(const C& ctx, const ConstPixels& from, const ConstPixels& to) {
  using T = Transfer<typename C::backend>;
  if constexpr (T::takes_pixels)
    return T::on_device(ctx, from, to);
  else
    return false;
}
[[gnu::noinline]] inline void expect_on_host(bool device) {
  EQSR_EXPECTS(!device, "wrong_device",
               "The input lies on a device, but rows are handed on in memory of the host. Copy it "
               "to the host, or give upscale a result on the device.");
}
[[gnu::noinline]] inline void expect_no_alpha(const ConstPixels& from, Alpha how) {
  EQSR_EXPECTS(from.channels() != 4 || how == Alpha::drop, "bad_argument",
               "Alpha of pixels on a device is not enlarged. Leave it out with Alpha::drop, or "
               "give pixels in memory of the host.");
}

/// The plan for pixels on a device: both views are memory of the caller.
template <AnyContext C, Network N>
UpscalePlan plan_on_device(const C& ctx, const N& net, const ConstPixels& from, const Pixels& to) {
  expect_compatible<typename N::backend, typename C::backend>();
  return cheapest_plan(ctx, {from.height(), from.width()}, {to.height(), to.width()}, 0,
                       [&](auto& dry, Storage storage) {
                         Transfer<typename C::backend>::enlarge(dry, net, from, to, storage, {});
                       });
}
template <AnyContext C, Network N>
void enlarge_on_device(C& ctx, const N& net, const ConstPixels& from, const Pixels& to, Alpha how,
                       std::optional<float> condition) {
  expect_no_alpha(from, how);
  run_planned(
      ctx, [&] { return plan_on_device(ctx, net, from, to); },
      [&](const UpscalePlan& plan) {
        Transfer<typename C::backend>::enlarge(ctx, net, from, to, plan.storage, condition);
      },
      false);
}

/// Bytes that views take beside what `upscale_rows` plans.
[[gnu::noinline]] inline std::size_t pixel_memory(const ConstPixels& from, Size to, Alpha how) {
  const auto pixels = [](int height, int width) {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * sizeof(float);
  };
  std::size_t bytes = RowConverter::memory(to.width);
  if (from.channels() != 4) return bytes;
  bytes += 4 * pixels(from.height(), from.width());  // the input as floats
  if (how != Alpha::drop) bytes += pixels(to.height, to.width) + RowConverter::memory(to.width);
  return bytes;
}

/// `write(y, row, channels)` gets the rows of the result as floats, RGB or RGBA.
template <AnyContext C, Network N>
void enlarge_pixels(C& ctx, const N& net, const ConstPixels& from, const Target& target, Alpha how,
                    FunctionRef<void(Index y, const float* row, int channels)> write) {
  const Size size = resolve(target, from.height(), from.width());
  const std::size_t beside = pixel_memory(from, size, how);
  Image image = to_image(from);
  const bool with_alpha = image.channels == 4 && how != Alpha::drop;
  std::vector<float> alpha, rgba(with_alpha ? std::size_t(size.width) * 4 : 0);
  if (with_alpha) {
    alpha = upscale_alpha(ctx, net, image, target, how, beside);
    image = premultiplied(image);
  } else if (image.channels == 4) {
    image = opaque(image);
  }
  const auto each = [&](Index y, Plane<float, 3> band) {
    for (Index row = 0; row < extent<'h'>(band); ++row) {
      const float* rgb = &band(row, 0, 0);
      if (with_alpha)
        unpremultiply_row(rgb, &alpha[std::size_t(y + row) * std::size_t(size.width)], size.width,
                          rgba.data());
      write(y + row, with_alpha ? rgba.data() : rgb, with_alpha ? 4 : 3);
    }
  };
  upscale_rows(ctx, net, image, target, each, {}, beside);
}

}  // namespace detail

/// Plans `upscale` for views. Throws `memory_budget` as it does.
template <AnyContext C, Network N>
UpscalePlan plan_upscale(const C& ctx, const N& net, const ConstPixels& from, const Pixels& to,
                         Alpha how = Alpha::network) {
  if constexpr (Transfer<typename C::backend>::takes_pixels)
    if (detail::on_device(ctx, from, to)) return detail::plan_on_device(ctx, net, from, to);
  return plan_upscale_rows(ctx, net, from.height(), from.width(),
                           {.height = to.height(), .width = to.width()}, {},
                           detail::pixel_memory(from, {to.height(), to.width()}, how));
}

/// Enlarges (or shrinks) pixels of the caller to the size of `to`, each with its own sample type,
/// channels, order and stride. One channel is grey: as input it is three equal ones, as result it
/// is the luma of the network's colours, rounded once. Alpha is enlarged as `how` says; a result
/// with four channels of an input without alpha is opaque.
///
/// Throws what `upscale` throws, and `bad_argument` if the two views overlap or the input has alpha
/// for which the result has no room. After an error `to` holds the rows that were finished.
///
/// On a context of a GPU both views may lie in its memory. Then nothing goes by way of the host,
/// and the call returns when the work is queued on the context's stream. Nobody looks for numbers
/// that are not finite, and alpha is left out (Alpha::drop) or refused. Throws `wrong_device` if
/// the views do not lie on one side.
template <AnyContext C, Network N>
void upscale(C& ctx, const N& net, const ConstPixels& from, const Pixels& to,
             Alpha how = Alpha::network, std::optional<float> condition = {}) {
  detail::with_typed_errors([&] {
    detail::expect_room_for_alpha(from.channels(), to.channels(), how);
    detail::expect_apart(from, to);
    if constexpr (Transfer<typename C::backend>::takes_pixels)
      if (detail::on_device(ctx, from, to))
        return detail::enlarge_on_device(ctx, net, from, to, how, condition);
    detail::RowConverter converter(to.format(), to.kind(), to.width());
    detail::enlarge_pixels(
        ctx, net, from, {.height = to.height(), .width = to.width(), .condition = condition}, how,
        [&](Index y, const float* row, int channels) {
          std::memcpy(to.row(y), converter.convert(row, channels), to.row_bytes());
        });
  });
}

/// The same for results of any size: `sink(y, row)` gets the samples of each row, from top to
/// bottom; they are valid until it returns. `upscale_rows<std::uint8_t>(...)` says of which type.
template <PixelSample T, AnyContext C, Network N>
void upscale_rows(C& ctx, const N& net, const ConstPixels& from, const Target& target,
                  const PixelFormat& format,
                  const std::function<void(Index y, std::span<const T> row)>& sink,
                  Alpha how = Alpha::network) {
  detail::with_typed_errors([&] {
    detail::expect_channels(format.channels);
    detail::expect_room_for_alpha(from.channels(), format.channels, how);
    detail::expect_on_host(detail::on_device(ctx, from, from));
    const Size size = resolve(target, from.height(), from.width());
    detail::RowConverter converter(format, detail::sample_kind<T>, size.width);
    detail::enlarge_pixels(
        ctx, net, from, target, how, [&](Index y, const float* row, int channels) {
          const auto* samples = reinterpret_cast<const T*>(converter.convert(row, channels));
          sink(y, {samples, std::size_t(size.width) * std::size_t(format.channels)});
        });
  });
}

}}  // namespace eqsr::EQSR_ABI
