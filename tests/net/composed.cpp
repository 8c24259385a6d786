// SPDX-License-Identifier: Apache-2.0
// Everything that upscale offers, for a network that is not the library's own.
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/meeting.hpp"
#include "support/module.hpp"
#include "support/stop.hpp"

#include <thread>

using namespace eqsr_test;
using eqsr::Cpu;
using eqsr::Plane;
using eqsr::Storage;

namespace {
constexpr int C = 6;

/// Code that knows nothing of the library's layers; it has no parameters.
struct Foreign {
  static void visit(auto&, auto&&) {}
  template <eqsr::AnyContext Ctx>
  void forward(Ctx&, Plane<const float, 3> image, Plane<float, C> f) const {
    if constexpr (!eqsr::is_dry<typename Ctx::backend>)
      for (Index i = 0; i < f.size(); ++i)
        f.data()[i] = 2 * image.data()[i / C * 3 + i % 3] - float(i % C) / C;
  }
};
/// A layer of the library, and a trunk that wants to know the scale.
struct Told {
  using output = Plane<float, C>;
  eqsr::Conv2d<3, C, 3, Cpu> conv;
  static void visit(auto& self, auto&& v) { v("conv", self.conv); }
  void forward(eqsr::AnyContext auto& ctx, Plane<const float, 3> image, float t, output f) const {
    eqsr::Scope scope(ctx);
    const auto x = scope.template plane<3>(image.extent<'h'>(), image.extent<'w'>());
    const std::array<float, 3> shift{t, 2 * t, -t};
    eqsr::launch<eqsr::op::ChannelShift>(ctx, eqsr::rows(image), shift, eqsr::rows(x));
    conv.forward(ctx, x, f);
  }
};
using ForeignUpsampler = eqsr::KrigingUpsampler<C, Cpu, 16, 4>;

template <class N>
N filled() {
  N net;
  fill(net, "net.");
  return net;
}
}  // namespace

static_assert(eqsr::Network<eqsr::Composed<Foreign, ForeignUpsampler>>);
static_assert(eqsr::Network<eqsr::Net<eqsr::lite, Cpu>>);
static_assert(!eqsr::Network<ForeignUpsampler>);

TEST_CASE_TEMPLATE("composed: backbone, upsampler and skip by hand", Skip, eqsr::NoSkip,
                   eqsr::MeanSkip, eqsr::BicubicSkip) {
  const auto net = filled<eqsr::Composed<Foreign, ForeignUpsampler, Skip>>();
  CHECK(parameter_list(net).starts_with("upsample.head.0.weight [16,24,1,1]"));
  eqsr::Context<Cpu> ctx(2);
  const eqsr::Image image = input_image(7, 9);
  const Map<3> x(7, 9, image.pixels);
  Map<C> f(7, 9);
  Map<3> y(20, 13);
  net.backbone.forward(ctx, x.in(), f.out());
  net.upsampler.forward(ctx, f.in(), y.out());
  if constexpr (std::is_same_v<Skip, eqsr::BicubicSkip>)
    eqsr::launch<eqsr::op::Bicubic>(ctx, x.in(), y.out(), Index{0}, Index{20});
  if constexpr (std::is_same_v<Skip, eqsr::MeanSkip>)
    for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] += eqsr::image_mean[i % 3];
  const eqsr::Target target{.height = 20, .width = 13};
  CHECK(same_bits(eqsr::upscale(ctx, net, image, target).pixels, y.values));
  eqsr::Context<eqsr::Reference> reference;
  Map<3> truth(20, 13);
  net.forward(reference, x.in(), truth.out());
  CHECK(near(y.values, truth.values, 2e-5));
}

TEST_CASE("composed: a backbone that is told the scale") {
  const auto net = filled<eqsr::Composed<Told, ForeignUpsampler>>();
  CHECK(net.condition(5, 5, 10, 40) == 0.25f);
  eqsr::Context<Cpu> ctx(1);
  const eqsr::Image image = input_image(5, 5);
  const auto twice = eqsr::upscale(ctx, net, image, {.scale = 2});
  CHECK(same_bits(eqsr::upscale(ctx, net, image, {.scale = 2, .condition = 0.5f}).pixels,
                  twice.pixels));
  CHECK_FALSE(same_bits(eqsr::upscale(ctx, net, image, {.scale = 2, .condition = 0.4f}).pixels,
                        twice.pixels));
}

TEST_CASE("composed: budgets, rows and threads give the same bits within the plan") {
  const auto net = filled<eqsr::Composed<Told, ForeignUpsampler>>();
  const eqsr::Image image = input_image(12, 9);
  const eqsr::Target target{.height = 150, .width = 130};
  eqsr::Context<Cpu> one(1);
  const auto truth = eqsr::upscale(one, net, image, target).pixels;
  std::size_t budget = 0;
  for (const Storage storage : {Storage::both, Storage::one, Storage::none}) {
    eqsr::Context<Cpu> ctx(3);
    ctx.band_height = 16;
    ctx.max_memory = budget;
    const auto plan = eqsr::plan_upscale_rows(ctx, net, 12, 9, target);
    CHECK(plan.storage == storage);
    std::vector<float> rows;
    eqsr::upscale_rows(ctx, net, image, target, [&](Index, Plane<float, 3> band) {
      rows.insert(rows.end(), band.data(), band.data() + band.size());
    });
    CHECK(same_bits(rows, truth));
    CHECK(ctx.arena().capacity() <= plan.workspace + ctx.arena().alignment);
    budget = plan.bytes - 1;
  }
  eqsr::Context<Cpu> ctx(3);
  ctx.band_height = 16;
  ctx.max_memory = budget;
  CHECK(error_of([&] {
          eqsr::upscale_rows(ctx, net, image, target, nullptr);
        }).starts_with("memory_budget: "));
}

TEST_CASE("composed: alpha, several targets, several processes") {
  const auto net = filled<eqsr::Composed<Told, ForeignUpsampler>>();
  eqsr::Context<Cpu> ctx(2);
  const eqsr::Image image = input_image(8, 10);
  const std::vector<eqsr::Target> targets{{.scale = 2}, {.height = 40, .width = 31}};
  const auto results = eqsr::upscale(ctx, net, image, targets);
  eqsr::Target second = targets[1];
  second.condition = 0.5f;
  CHECK(same_bits(results[0].pixels, eqsr::upscale(ctx, net, image, targets[0]).pixels));
  CHECK(same_bits(results[1].pixels, eqsr::upscale(ctx, net, image, second).pixels));

  eqsr::Image rgba = eqsr::blank_image(8, 10, 4);
  for (std::size_t i = 0; i < rgba.pixels.size(); ++i)
    rgba.pixels[i] = i % 4 < 3 ? image.pixels[i / 4 * 3 + i % 4] : 1;
  const auto opaque = eqsr::upscale(ctx, net, rgba, targets[0], eqsr::Alpha::network);
  CHECK(opaque.channels == 4);
  CHECK(opaque.pixels[4] == std::clamp(results[0].pixels[3], 0.0f, 1.0f));

  const eqsr::Target large{.height = 37, .width = 70};
  const auto whole = eqsr::upscale(ctx, net, image, large).pixels;
  std::vector<float> parts(whole.size());
  Meeting meeting(2);
  std::vector<std::thread> threads;
  for (int number = 0; number < 2; ++number)
    threads.emplace_back([&, number] {
      eqsr::Context<Cpu> own(1);
      eqsr::upscale_rows(
          own, net, image, large,
          [&](Index y, Plane<float, 3> rows) {
            std::copy_n(rows.data(), rows.size(), &parts[std::size_t(y * 70 * 3)]);
          },
          meeting.part(37, number));
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(same_bits(parts, whole));
  CHECK(eqsr::Net<eqsr::lite, Cpu>::computes_parts);
  CHECK_FALSE(eqsr::Net<eqsr::lite, eqsr::Reference>::computes_parts);
}

TEST_CASE("composed: progress from 0 to 1, a stop is obeyed") {
  const auto net = filled<eqsr::Composed<Told, ForeignUpsampler>>();
  eqsr::Context<Cpu> ctx(2);
  ctx.band_height = 8;
  std::vector<double> done;
  ctx.on_progress = [&](double fraction, std::string_view) { done.push_back(fraction); };
  (void)eqsr::upscale(ctx, net, input_image(8, 8), {.scale = 5});
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK(done.size() > 10);
  CHECK(done.back() == 1);
  StopSource source;
  ctx.stop = source.get_token();
  source.request_stop();
  CHECK(error_of([&] {
          (void)eqsr::upscale(ctx, net, input_image(8, 8), {.scale = 5});
        }).starts_with("cancelled: "));
}
