// SPDX-License-Identifier: Apache-2.0
// A network that is not the library's own, and pixels of the caller, on the device.
#include <doctest/doctest.h>
#include <eqsr/net/composed.hpp>
#include <eqsr/pixels.hpp>

#include "cuda/contexts.hpp"

using namespace eqsr_test;
using eqsr::Context;

namespace {
constexpr int C = 6;
template <class B>
using Network = eqsr::Composed<eqsr::Conv2d<3, C, 3, B>, eqsr::KrigingUpsampler<C, B, 8, 2>>;

eqsr::Image small_picture() {
  eqsr::Image image = eqsr::blank_image(4, 5);
  image.pixels = image_map("input", 4, 5).values;
  return image;
}
const eqsr::Target composed_target{.height = 6, .width = 7};
}  // namespace

TEST_CASE("cuda composed: any network, whole, by rows, from features and replayed") {
  Network<Cuda> net;
  fill(net);
  Network<Cpu> same;
  fill(same);
  Context<Cuda> ctx;
  Context<Reference> reference;
  const auto truth = eqsr::upscale(reference, same, small_picture(), composed_target).pixels;
  const auto found = eqsr::upscale(ctx, net, small_picture(), composed_target).pixels;
  CHECK(near(found, truth, 5e-5));
  std::vector<float> rows;
  eqsr::upscale_rows(ctx, net, small_picture(), composed_target,
                     [&](Index, eqsr::Plane<float, 3> band) {
                       rows.insert(rows.end(), band.data(), band.data() + band.size());
                     });
  CHECK(same_bits(rows, found));
  const auto features = eqsr::features_of(ctx, net, small_picture(), composed_target);
  CHECK(same_bits(eqsr::upscale(ctx, net, features, composed_target).pixels, found));
  for (int i = 0; i < 3; ++i)
    CHECK(same_bits(eqsr::upscale(ctx, net, small_picture(), composed_target).pixels, found));
  CHECK(ctx.graphs().recorded() == 1);
}

TEST_CASE("cuda composed: views of host memory") {
  Network<Cuda> net;
  fill(net);
  Context<Cuda> ctx;
  const eqsr::Image low = small_picture();
  const eqsr::Image high = eqsr::upscale(ctx, net, low, composed_target);
  std::vector<std::uint8_t> expected(high.pixels.size()), found(high.pixels.size());
  eqsr::to_samples(high.pixels.data(), expected.size(), expected.data());
  eqsr::upscale(ctx, net, eqsr::ConstPixels(low.pixels.data(), {.height = 4, .width = 5}),
                eqsr::Pixels(found.data(), {.height = 6, .width = 7}));
  CHECK(found == expected);
}

TEST_CASE("cuda composed: parts of an image are refused with a sentence") {
  Network<Cuda> net;
  Context<Cuda> ctx;
  eqsr::RowPart part = eqsr::row_part(6, 0, 2);
  part.meet = [](std::span<double>, const std::function<void()>& add) { add(); };
  CHECK(error_of([&] {
          eqsr::upscale_rows(ctx, net, small_picture(), composed_target, nullptr, part);
        }).starts_with("bad_argument: This network computes whole images only"));
}
