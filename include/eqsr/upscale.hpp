// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/image.hpp>  // Image
#include <eqsr/load.hpp>        // load
#include <eqsr/net/eqsr.hpp>    // Net

#include <optional>  // optional

/// The front door: load a network, upscale an image.
namespace eqsr::inline EQSR_ABI {

/// How large the result shall be: one of
///   {.scale = 3.7}   {.scale_y = 2, .scale_x = 3.5}   {.height = 1080, .width = 1920}
/// Sizes from scales are max(1, nearbyint(extent * scale)).
struct Target {
  double scale = 0;
  double scale_y = 0, scale_x = 0;
  int height = 0, width = 0;
  std::optional<float> condition{};  ///< overrides the number t that conditions the trunk
};

/// Height and width of an image.
struct Size {
  int height = 0, width = 0;
  bool operator==(const Size&) const = default;
};

namespace detail {
inline int scaled_extent(int extent, double scale) {
  EQSR_EXPECTS(std::isfinite(scale) && scale > 0, "bad_argument", "The scale ", scale,
               " is no enlargement: it must be a positive number, such as 2 or 3.7.");
  const double scaled = std::max(1.0, std::nearbyint(extent * scale));
  EQSR_EXPECTS(scaled <= 1 << 24, "limit_exceeded", "The scale ", scale, " makes ", extent,
               " pixels into ", scaled, "; at most 16777216 a side are supported.");
  return static_cast<int>(scaled);
}
}  // namespace detail

/// The size of the result for an input of h x w pixels.
inline Size resolve(const Target& target, int height, int width) {
  const bool one = target.scale != 0;
  const bool two = target.scale_y != 0 || target.scale_x != 0;
  const bool size = target.height != 0 || target.width != 0;
  EQSR_EXPECTS(int{one} + int{two} + int{size} == 1, "bad_argument",
               "A target needs exactly one of a scale, a scale for each axis, or a height and a "
               "width. Set one of them, for example Target{.scale = 2}.");
  EQSR_EXPECTS(height > 0 && width > 0, "bad_argument", "The image has ", height, " x ", width,
               " pixels; it needs at least one.");
  if (one)
    return {detail::scaled_extent(height, target.scale),
            detail::scaled_extent(width, target.scale)};
  if (two)
    return {detail::scaled_extent(height, target.scale_y),
            detail::scaled_extent(width, target.scale_x)};
  EQSR_EXPECTS(target.height > 0 && target.width > 0, "bad_argument", "A target of ", target.height,
               " x ", target.width,
               " pixels is no size. Set a positive height and a positive width.");
  EQSR_EXPECTS(target.height <= 1 << 24 && target.width <= 1 << 24, "limit_exceeded",
               "A target of ", target.height, " x ", target.width,
               " pixels is too large; at most 16777216 a side are supported.");
  return {target.height, target.width};
}

/// What an upscaling will need, before anything is computed.
struct UpscalePlan {
  Size size;                        ///< of the result
  Storage storage = Storage::both;  ///< the fastest policy within the context's max_memory
  std::size_t workspace = 0;        ///< bytes of temporaries
  std::size_t bytes = 0;            ///< workspace, input and result
  Cost cost;
};

/// Plans `upscale` for an image of height x width. Throws `memory_budget` if no policy stays
/// within the context's max_memory.
template <AnyContext C, Config config, class B>
UpscalePlan plan_upscale(const C& ctx, const Net<config, B>& net, int height, int width,
                         const Target& target) {
  const Size size = resolve(target, height, width);
  const Plane<const float, 3> x(nullptr, height, width);
  const Plane<float, 3> y(nullptr, size.height, size.width);
  const std::size_t images = static_cast<std::size_t>(x.size() + y.size()) * sizeof(float);
  for (Storage storage = ctx.storage;; storage = static_cast<Storage>(int(storage) + 1)) {
    const Plan forward = plan_with(ctx, storage, net, x, y);
    const std::size_t bytes = forward.workspace + images;
    if (ctx.max_memory == 0 || bytes <= ctx.max_memory)
      return {size, storage, forward.workspace, bytes, forward.cost};
    EQSR_EXPECTS(storage != Storage::none, "memory_budget", "An image of ", height, " x ", width,
                 " to ", size.height, " x ", size.width, " needs at least ", bytes,
                 " bytes, but max_memory is ", ctx.max_memory,
                 ". Raise it, or choose a smaller size.");
  }
}

namespace detail {
/// A storage policy for as long as this lives.
class StorageFor {
 public:
  StorageFor(Storage& where, Storage policy) : where_(where), before_(where) { where = policy; }
  StorageFor(const StorageFor&) = delete;
  StorageFor& operator=(const StorageFor&) = delete;
  ~StorageFor() { where_ = before_; }

 private:
  Storage& where_;
  Storage before_;
};
}  // namespace detail

/// Enlarges (or shrinks) an RGB image in [0,1] to the target's size. The result is not clamped.
/// Throws `bad_argument` for an image that is not RGB, `nonfinite_result` instead of returning a
/// picture with holes.
template <AnyContext C, Config config, class B>
Image upscale(C& ctx, const Net<config, B>& net, const Image& image, const Target& target) {
  EQSR_EXPECTS(image.channels == 3, "bad_argument", "The image has ", image.channels,
               " channels; the network needs 3 (RGB). read_image gives three for every file.");
  EQSR_EXPECTS(image.pixels.size() == std::size_t(image.height) * std::size_t(image.width) * 3,
               "bad_argument", "The image holds ", image.pixels.size(),
               " numbers, but its size of ", image.height, " x ", image.width, " x 3 needs ",
               Index{image.height} * image.width * 3, ".");
  for (const float value : image.pixels)
    EQSR_EXPECTS(std::isfinite(value), "nonfinite_input",
                 "The image holds a number that is not finite. Give pixels in [0, 1].");

  const UpscalePlan plan = plan_upscale(ctx, net, image.height, image.width, target);
  const Size size = plan.size;
  Image result{size.height, size.width, 3,
               std::vector<float>(std::size_t(size.height) * std::size_t(size.width) * 3)};
  const Plane<const float, 3> x(image.pixels.data(), image.height, image.width);
  const Plane<float, 3> y(result.pixels.data(), size.height, size.width);
  {
    const detail::StorageFor policy(ctx.storage, plan.storage);
    ctx.reserve(plan.workspace);
    net.forward(ctx, x, y, target.condition);
  }
  for (const float value : result.pixels)
    EQSR_EXPECTS(std::isfinite(value), "nonfinite_result",
                 "The network's result is not finite. Its weights do not fit this network, or they "
                 "are damaged; check them with inspect_weights.");
  ctx.checkpoint(1, "done");
  return result;
}

}  // namespace eqsr::inline EQSR_ABI
