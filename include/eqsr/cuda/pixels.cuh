// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/kernel/pixels.hpp>  // ReadPixelsBody, WritePixelsBody
#include <eqsr/cuda/launch.hpp>         // run_each

#include <cstdint>  // intptr_t

namespace eqsr { inline namespace EQSR_ABI { namespace gpu {

/// A view as kernels know it.
template <class Byte, class View>
DevicePixels<Byte> device_pixels(const View& view) {
  return {view.row(0), view.stride(), view.channels(), view.format().order == Order::bgr,
          view.kind()};
}

/// Pixels on the device as a plane of RGB, and back.
inline void read_pixels(Context<Cuda>& ctx, const ConstPixels& from, Plane<float, 3> y) {
  run_each<ReadPixelsBody>(
      ctx, y.size() / 3,
      {device_pixels<const std::byte>(from), y.data(), y.extent<'h'>(), y.extent<'w'>()});
}
inline void write_pixels(Context<Cuda>& ctx, Plane<const float, 3> x, const Pixels& to) {
  run_each<WritePixelsBody>(
      ctx, x.size() / 3,
      {x.data(), device_pixels<std::byte>(to), x.extent<'h'>(), x.extent<'w'>()});
}

/// The device that all of a view lies on, -1 for memory of the host.
inline int device_of(const ConstPixels& view) {
  const int device = device_of(view.row(0));
  EQSR_EXPECTS(device_of(view.row(view.height() - 1)) == device, "wrong_device",
               "The first row of a view and the last do not lie on one device. Check its height "
               "and its stride.");
  return device;
}

/// Whether pixels lie in the memory of the context's device. Throws `wrong_device` where only one
/// of two views does, or one lies on another device, and `bad_argument` where kernels could not
/// reach each sample.
inline bool on_device(const Context<Cuda>& ctx, const ConstPixels& from, const ConstPixels& to) {
  const int source = device_of(from), result = device_of(to);
  if (source < 0 && result < 0) return false;
  const auto place = [](int where) {
    return where < 0 ? std::string("in memory of the host") : say("on CUDA device ", where);
  };
  EQSR_EXPECTS(source == ctx.device() && result == ctx.device(), "wrong_device", "The input lies ",
               place(source), " and the result ", place(result),
               ", but the context computes on device ", ctx.device(),
               ". Give both on that device, or both in memory of the host.");
  for (const ConstPixels* view : {&from, &to}) {
    const auto sample = static_cast<Index>(view->sample_bytes());
    EQSR_EXPECTS(
        reinterpret_cast<std::intptr_t>(view->row(0)) % sample == 0 && view->stride() % sample == 0,
        "bad_argument", "Samples of ", sample,
        " bytes on a device lie at multiples of that. Give a pointer and a stride that "
        "are.");
  }
  return true;
}

}}}  // namespace eqsr::EQSR_ABI::gpu
