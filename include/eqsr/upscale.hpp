// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/image.hpp>  // Image
#include <eqsr/core/math.hpp>   // saturated_sum
#include <eqsr/core/size.hpp>   // Target, Size, resolve, image_bytes
#include <eqsr/load.hpp>
#include <eqsr/net/eqsr.hpp>

#include <optional>  // optional
#include <span>      // span
#include <vector>    // vector

/// The front door: load a network, upscale an image.
namespace eqsr { inline namespace EQSR_ABI {

/// What an upscaling will need, before anything is computed.
struct UpscalePlan {
  Size size;                        ///< of the result
  Storage storage = Storage::both;  ///< the fastest policy within the budget
  std::size_t workspace = 0;        ///< bytes of temporaries
  std::size_t prepared_bytes = 0;   ///< bytes of the forms of the weights that the layers keep
  std::size_t bytes = 0;            ///< of all of these, the input, and the result if whole
  std::size_t budget = 0;           ///< bytes that are allowed: max_memory, or half of what is free
  Cost cost;
  std::size_t held = 0;  ///< bytes that context and network keep from images before
};

/// The trunk's result for one image: what all targets of that image can share.
template <Network N>
struct Features {
  template <int C>
  using Planes = Tensor<typename N::backend, float, Axis<'h'>, Axis<'w'>, Axis<'c', C>>;

  Planes<3> image;
  Planes<N::channels> values;
  float condition = 0;  ///< the number t that the trunk was told

  [[nodiscard]] int height() const { return static_cast<int>(extent<'h'>(image)); }
  [[nodiscard]] int width() const { return static_cast<int>(extent<'w'>(image)); }
};

/// How `upscale` brings pixels of the host to a network and back, also in a dry run. Backends with
/// memory of their own specialise it, in a header that comes with their kernels.
template <class B>
struct Transfer {
  /// Whether others take of the same memory, so that it may run out in spite of a plan: then
  /// `upscale` tries again with less kept.
  static constexpr bool shares_memory = false;
  /// Whether pixels may lie in memory of the backend: then `on_device` says whether they do, and
  /// `enlarge` works on them.
  static constexpr bool takes_pixels = false;

  /// `forward_bands(ctx, net, x, bands, condition)` for x and bands on the host.
  static void forward(AnyContext auto& ctx, const auto& net, Plane<const float, 3> x,
                      const Bands& bands, std::optional<float> condition) {
    forward_bands(ctx, net, x, bands, condition);
  }
  /// `net.reconstruct(ctx, x, f, bands)` for bands on the host; x and f are where the network is.
  static void reconstruct(AnyContext auto& ctx, const auto& net, Plane<const float, 3> x,
                          const auto& f, const Bands& bands) {
    net.reconstruct(ctx, x, f, bands);
  }
};

namespace detail {

/// What one picture may take. What is held from the picture before is free for this one: the arena
/// of the context, and `forms` bytes of prepared forms.
template <AnyContext C>
std::size_t budget_of(const C& ctx, std::size_t forms = 0) {
  if (ctx.max_memory > 0) return ctx.max_memory;
  const std::size_t available = ctx.available();
  if (available == unlimited_memory) return available / 2;
  return (available + ctx.arena().capacity() + forms) / 2;
}

/// The plan of `forward(dry context, policy)` with the first policy that fits; `fixed` bytes come
/// on top, and `later` are needed at least by what follows in the same call.
template <AnyContext C, class Forward>
UpscalePlan cheapest_plan(const C& ctx, Size from, Size to, std::size_t fixed,
                          const Forward& forward, std::size_t later = 0) {
  for (Storage storage = ctx.storage;; storage = static_cast<Storage>(int(storage) + 1)) {
    auto dry = dry_run(ctx, storage);
    forward(dry, storage);
    const Plan plan = plan_of(dry);
    const std::size_t budget = budget_of(ctx, dry.held_bytes());
    const std::size_t bytes = saturated_sum(plan.workspace, plan.prepared_bytes, fixed);
    if ((std::max)(bytes, later) <= budget)
      return {to,    storage, plan.workspace, plan.prepared_bytes,
              bytes, budget,  plan.cost,      ctx.arena().capacity() + dry.held_bytes()};
    EQSR_EXPECTS(
        storage != Storage::none, "memory_budget", "An image of ", from.height, " x ", from.width,
        " to ", to.height, " x ", to.width, " needs at least ", (std::max)(bytes, later),
        " bytes of memory, but ", budget,
        ctx.max_memory > 0 ? " are allowed (max_memory)." : " are allowed (half of what is free).",
        " Allow more, or choose a smaller size.");
  }
}

[[gnu::noinline]] inline Bands bands_of(Size size, Storage storage, float* whole, RowSink take = {},
                                        RowPart part = {}) {
  return {.height = size.height,
          .width = size.width,
          .whole = whole,
          .take = std::move(take),
          .part = std::move(part),
          .storage = storage};
}

template <AnyContext C, Network N>
UpscalePlan plan_image(const C& ctx, const N& net, Size from, Size to, bool whole,
                       const RowPart& part = {}, std::size_t beside = 0) {
  expect_compatible<typename N::backend, typename C::backend>();
  expect_countable(from, N::channels, to);
  const std::size_t fixed =
      saturated_sum(image_bytes(from) + beside, whole ? image_bytes(to) : std::size_t{0});
  return cheapest_plan(ctx, from, to, fixed, [&](auto& dry, Storage storage) {
    float any = 0;  // a dry run only asks whether there is memory for the whole
    Transfer<typename C::backend>::forward(
        dry, net, Plane<const float, 3>(nullptr, from.height, from.width),
        bands_of(to, storage, whole ? &any : nullptr, {}, part), {});
  });
}

[[gnu::noinline]] inline void expect_image(const Image& image) {
  EQSR_EXPECTS(image.channels == 3, "bad_argument", "The image has ", image.channels,
               " channels; the network needs 3 (RGB). read_image gives three for every file.");
  EQSR_EXPECTS(image.pixels.size() == std::size_t(image.height) * std::size_t(image.width) * 3,
               "bad_argument", "The image holds ", image.pixels.size(),
               " numbers, but its size of ", image.height, " x ", image.width, " x 3 needs ",
               Index{image.height} * image.width * 3, ".");
  for (const float value : image.pixels)
    EQSR_EXPECTS(std::isfinite(value), "nonfinite_input",
                 "The image holds a number that is not finite. Give pixels in [0, 1].");
}

/// `computes` says whether the network computes parts of an image.
[[gnu::noinline]] inline void expect_part(bool computes, const RowPart& part, Index height) {
  if (!part.meet) return;
  EQSR_EXPECTS(computes, "bad_argument",
               "This network computes whole images only on this backend. Leave out the part.");
  EQSR_EXPECTS(part.begin >= 0 && part.begin < part.end && part.end <= height &&
                   part.begin % 2 == 0 && (part.end % 2 == 0 || part.end == height),
               "bad_argument", "Rows ", part.begin, " to ", part.end,
               " are no part of an image of ", height,
               ". A part goes from an even row to an even one or the last; row_part makes them.");
}

[[gnu::noinline]] inline void expect_finite(Plane<const float, 3> rows) {
  for (Index i = 0; i < rows.size(); ++i)
    EQSR_EXPECTS(std::isfinite(rows.data()[i]), "nonfinite_result",
                 "The network's result is not finite. Its weights do not fit this network, or they "
                 "are damaged; check them with inspect_weights.");
}

/// Runs `work` with the plan's memory.
template <AnyContext C, class Work>
void with_memory(C& ctx, const UpscalePlan& plan, const Work& work) {
  if (ctx.arena().capacity() > plan.budget) ctx.arena().clear();
  ctx.reserve(plan.workspace);
  work();
  ctx.checkpoint(1, "done");
}

/// Runs `work(plan)` with the memory of `make_plan()`, a plan for an image. Where others share the
/// memory and it runs out in the middle, it plans and runs again with less kept between the passes,
/// unless `begun`: then rows were handed on, which cannot be taken back.
template <AnyContext C, class MakePlan, class Work>
void run_planned(C& ctx, const MakePlan& make_plan, const Work& work, const bool& begun) {
  const auto run = [&](const UpscalePlan& plan) { with_memory(ctx, plan, [&] { work(plan); }); };
  if constexpr (!Transfer<typename C::backend>::shares_memory) {
    run(make_plan());
  } else {
    struct Kept {  // the caller's choice comes back
      C& ctx;
      Storage storage = ctx.storage;
      ~Kept() { ctx.storage = storage; }
    } const kept{ctx};
    for (;;) {
      const UpscalePlan plan = make_plan();
      try {
        return run(plan);
      } catch (const Error& error) {
        if (error.code() != "out_of_memory" || plan.storage == Storage::none || begun) throw;
      }
      ctx.arena().clear();
      ctx.storage = static_cast<Storage>(int(plan.storage) + 1);
    }
  }
}

/// The bands of a plan, which are checked before they are handed on.
[[gnu::noinline]] inline Bands checked(const UpscalePlan& plan, float* whole,
                                       const RowSink* sink = nullptr, const RowPart& part = {}) {
  return bands_of(
      plan.size, plan.storage, whole,
      [sink](Index y, Plane<float, 3> rows) {
        expect_finite(rows);
        if (sink && *sink) (*sink)(y, rows);
      },
      part);
}

}  // namespace detail

/// Plans `upscale` for an image of height x width. Throws `memory_budget` if no policy stays
/// within the context's max_memory.
template <AnyContext C, Network N>
UpscalePlan plan_upscale(const C& ctx, const N& net, int height, int width, const Target& target) {
  return detail::plan_image(ctx, net, {height, width}, resolve(target, height, width), true);
}

/// The same for `upscale_rows`, which never holds the result as a whole. `beside` are bytes that
/// the caller takes of the same budget, for instance for rows that wait to be written.
template <AnyContext C, Network N>
UpscalePlan plan_upscale_rows(const C& ctx, const N& net, int height, int width,
                              const Target& target, const RowPart& part = {},
                              std::size_t beside = 0) {
  return detail::plan_image(ctx, net, {height, width}, resolve(target, height, width), false, part,
                            beside);
}

/// Enlarges (or shrinks) an RGB image in [0,1] to the target's size. The result is not clamped.
/// Throws `bad_argument` for an image that is not RGB, `memory_budget` before anything is computed
/// if the context's max_memory cannot do, `out_of_memory`, `cancelled`, and `nonfinite_result`
/// instead of returning a picture with holes.
template <AnyContext C, Network N>
Image upscale(C& ctx, const N& net, const Image& image, const Target& target) {
  return detail::with_typed_errors([&] {
    detail::expect_image(image);
    Image result;
    detail::run_planned(
        ctx, [&] { return plan_upscale(ctx, net, image.height, image.width, target); },
        [&](const UpscalePlan& plan) {
          result = blank_image(plan.size.height, plan.size.width);
          const Plane<const float, 3> x(image.pixels.data(), image.height, image.width);
          Transfer<typename C::backend>::forward(
              ctx, net, x, detail::checked(plan, result.pixels.data()), target.condition);
        },
        false);
    return result;
  });
}

/// The same for results of any size: `sink(y, rows)` gets the finished rows from top to bottom, a
/// few at a time, on the calling thread. What it throws ends the call.
///
/// With a `part` that has a way to meet the others, only its rows are computed and handed on, for
/// one large image on several machines; each calls this with the same image, target and network.
template <AnyContext C, Network N>
void upscale_rows(C& ctx, const N& net, const Image& image, const Target& target,
                  const RowSink& sink, const RowPart& part = {}, std::size_t beside = 0) {
  return detail::with_typed_errors([&] {
    detail::expect_image(image);
    constexpr bool computes = requires { requires N::computes_parts; };
    detail::expect_part(computes, part, resolve(target, image.height, image.width).height);
    bool begun = false;
    const RowSink take = [&](Index y, Plane<float, 3> rows) {
      begun = true;
      if (sink) sink(y, rows);
    };
    detail::run_planned(
        ctx,
        [&] {
          return plan_upscale_rows(ctx, net, image.height, image.width, target, part, beside);
        },
        [&](const UpscalePlan& plan) {
          const Plane<const float, 3> x(image.pixels.data(), image.height, image.width);
          Transfer<typename C::backend>::forward(
              ctx, net, x, detail::checked(plan, nullptr, &take, part), target.condition);
        },
        begun);
  });
}

namespace detail {

template <Network N>
std::size_t features_bytes(Size from) {
  return image_bytes(from) / 3 * (N::channels + 3);
}

/// A target from features of an image: the dry run, and what it needs.
template <AnyContext C, Network N>
struct TargetPlanner {
  const C& ctx;
  const N& net;
  Size from, to;
  std::size_t fixed = saturated_sum(features_bytes<N>(from), image_bytes(to));

  [[nodiscard]] UpscalePlan plan() const { return cheapest_plan(ctx, from, to, fixed, *this); }
  /// The least budget that does.
  [[nodiscard]] std::size_t least() const {
    auto dry = dry_run(ctx, Storage::none);
    (*this)(dry, Storage::none);
    const Plan plan = plan_of(dry);
    return saturated_sum(plan.workspace, plan.prepared_bytes, fixed);
  }
  void operator()(auto& dry, Storage storage) const {
    expect_countable(from, N::channels, to);
    float any = 0;  // a dry run only asks whether there is memory for the whole
    Transfer<typename C::backend>::reconstruct(
        dry, net, Plane<const float, 3>(nullptr, from.height, from.width),
        Plane<const float, N::channels>(nullptr, from.height, from.width),
        bands_of(to, storage, &any));
  }
};

}  // namespace detail

/// The least `max_memory` with which several targets of an image of height x width can be computed
/// from one pass of the trunk.
template <AnyContext C, Network N>
std::size_t least_memory(const C& ctx, const N& net, int height, int width,
                         std::span<const Target> targets) {
  const Size from{height, width};
  detail::expect_countable(from, N::channels, from);
  auto dry = dry_run(ctx, Storage::none);
  net.features(dry, Plane<const float, 3>(nullptr, height, width), 0,
               Plane<float, N::channels>(nullptr, height, width));
  const Plan trunk = plan_of(dry);
  std::size_t least =
      saturated_sum(trunk.workspace, trunk.prepared_bytes, detail::features_bytes<N>(from));
  for (const Target& target : targets) {
    const Size to = resolve(target, height, width);
    least = (std::max)(least, detail::TargetPlanner<C, N>{ctx, net, from, to}.least());
  }
  return least;
}

/// Runs the trunk alone, conditioned as for `target`. The features serve any number of targets:
/// `upscale(ctx, net, features, other)`. The condition stays the one of the first, so another
/// target's result differs from its own `upscale` unless that is given the same condition. `later`
/// is what these will need at least; `memory_budget` comes at once if it is not allowed.
template <AnyContext C, Network N>
Features<N> features_of(C& ctx, const N& net, const Image& image, const Target& target,
                        std::size_t later = 0) {
  return detail::with_typed_errors([&] {
    expect_compatible<typename N::backend, typename C::backend>();
    detail::expect_image(image);
    const Size from{image.height, image.width}, to = resolve(target, image.height, image.width);
    detail::expect_countable(from, N::channels, to);
    const Plane<const float, 3> x(image.pixels.data(), image.height, image.width);
    const auto forward = [&](auto& dry, Storage) {
      net.features(dry, x, 0, Plane<float, N::channels>(nullptr, from.height, from.width));
    };
    const UpscalePlan plan =
        detail::cheapest_plan(ctx, from, to, detail::features_bytes<N>(from), forward, later);
    std::optional<Features<N>> result;
    detail::with_memory(ctx, plan, [&] {
      result = Features<N>{
          decltype(Features<N>::image)(from.height, from.width),
          decltype(Features<N>::values)(from.height, from.width),
          target.condition.value_or(net.condition(from.height, from.width, to.height, to.width))};
      result->image.copy_from_host(image.pixels.data());
      net.features(ctx, result->image.view(), result->condition, result->values.view());
    });
    return std::move(*result);
  });
}

/// A target from features.
template <AnyContext C, Network N>
Image upscale(C& ctx, const N& net, const Features<N>& features, const Target& target) {
  return detail::with_typed_errors([&] {
    expect_compatible<typename N::backend, typename C::backend>();
    const Size from{features.height(), features.width()};
    const Size to = resolve(target, from.height, from.width);
    Image result = blank_image(to.height, to.width);
    detail::run_planned(
        ctx,
        [&] {
          return detail::TargetPlanner<C, N>{ctx, net, from, to}.plan();
        },
        [&](const UpscalePlan& plan) {
          Transfer<typename C::backend>::reconstruct(ctx, net, features.image.view(),
                                                     features.values.view(),
                                                     detail::checked(plan, result.pixels.data()));
        },
        false);
    return result;
  });
}

/// Several targets of one image for one pass of the trunk, conditioned as for the first target.
/// `memory_budget` comes before anything is computed, with what does for all of them.
template <AnyContext C, Network N>
std::vector<Image> upscale(C& ctx, const N& net, const Image& image,
                           std::span<const Target> targets) {
  return detail::with_typed_errors([&] {
    std::vector<Image> results;
    if (targets.empty()) return results;
    const std::size_t later = least_memory(ctx, net, image.height, image.width, targets);
    const auto features = features_of(ctx, net, image, targets.front(), later);
    for (const Target& target : targets) results.push_back(upscale(ctx, net, features, target));
    return results;
  });
}

}}  // namespace eqsr::EQSR_ABI
