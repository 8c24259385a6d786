// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/context.hpp>  // Storage

#include <algorithm>   // min
#include <functional>  // function
#include <span>        // span

/// Finished images in bands of rows, and the parts of an image that several processes compute.
namespace eqsr { inline namespace EQSR_ABI {

/// Rows of a finished image, from top to bottom: a view of rows [y, y + h) that is valid until the
/// function returns.
using RowSink = std::function<void(Index y, Plane<float, 3> rows)>;

/// The rows of an image that one of several processes computes. Each has the whole input; what they
/// tell one another are the sums behind the means over the image, so the bits are those of one.
struct RowPart {
  Index begin = 0, end = 0;  ///< rows [begin, end), from an even one to an even one or the last
  /// Called once for each mean. Fills `total` with the sums of the part above (the first has none
  /// and leaves the zeros), calls `add`, which adds the rows of this part one by one, gives `total`
  /// to the part below, and returns when `total` is what the last part has.
  std::function<void(std::span<double> total, const std::function<void()>& add)> meet{};
};

/// Part `number` of `count`, of about as many rows as the others; none is empty if there are two
/// rows for each. `meet` is left to the caller.
inline RowPart row_part(Index height, int number, int count) {
  const auto bound = [&](Index i) {
    return (std::min)(height, ceil_div(height, 2) * i / count * 2);
  };
  return {bound(number), bound(number + 1), {}};
}

/// An image that is finished in bands of whole rows, and how. With `whole` the rows lie in that
/// memory, (H, W, 3); without, in a buffer of one band.
struct Bands {
  Index height = 0, width = 0;
  float* whole = nullptr;
  RowSink take{};                   ///< is handed each band; may change it
  RowPart part{};                   ///< without `meet`: the whole image
  Storage storage = Storage::both;  ///< what is kept between the passes over the image
  RowSink skip{};                   ///< adds to a band what the network computes the difference to

  [[nodiscard]] Index first() const { return part.meet ? part.begin : 0; }
  [[nodiscard]] Index last() const { return part.meet ? part.end : height; }

  /// What happens to each band when its rows are computed.
  void finish(Index y, Plane<float, 3> rows) const {
    if (skip) skip(y, rows);
    if (take) take(y, rows);
  }
};

/// The planes of latent channels that the passes over a target image keep for each other: the one
/// place where the policy is asked.
struct KeptPlanes {
  float* x;  ///< a block up to its perceptron, or null: computed again
  float* z;  ///< the perceptron's output, or null: computed again
};
template <class C>
KeptPlanes kept_planes(Scope<C>& memory, Storage policy, Index floats) {
  return {policy == Storage::none ? nullptr : memory.floats(floats),
          policy == Storage::both ? memory.floats(floats) : nullptr};
}

/// The whole of y, with what the context keeps between the passes.
template <AnyContext C>
Bands whole_image(const C& ctx, Plane<float, 3> y) {
  return {
      .height = extent<'h'>(y), .width = extent<'w'>(y), .whole = y.data(), .storage = ctx.storage};
}

}}  // namespace eqsr::EQSR_ABI
