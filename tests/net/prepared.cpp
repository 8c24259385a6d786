// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <thread>

#include "support/contexts.hpp"
#include "support/module.hpp"
#include "tiny.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

/// Parameters are the truth: packed weights and gathered tables follow when they are written.
namespace {
/// `run(ctx, layer)` is right after each write of each parameter, and from several threads.
template <class Layer, class Run>
void follows_writes(Layer& layer, const Run& run, double tolerance = 2e-5) {
  fill(layer, "before.");
  eqsr::Context<eqsr::Reference> reference;
  eqsr::Context<Cpu> ctx(1);
  CHECK(near(run(ctx, layer), run(reference, layer), tolerance));

  std::vector<std::string> names;
  eqsr::for_each_parameter(layer, [&](const std::string& name, auto&) { names.push_back(name); });
  for (const std::string& changed : names) {
    CAPTURE(changed);
    const auto old = run(ctx, layer);
    eqsr::for_each_parameter(layer, [&](const std::string& name, auto& tensor) {
      if (name != changed) return;
      const auto values = synthetic_parameter("after." + name, eqsr::shape_of(tensor));
      auto* to = tensor.data();
      for (std::size_t i = 0; i < values.size(); ++i) to[i] = 0.5f * values[i];
    });
    const auto truth = run(reference, layer);
    CHECK(!near(truth, old, 2 * tolerance));  // the parameter matters
    CHECK(near(run(ctx, layer), truth, tolerance));
  }

  // Several threads, each with a context of its own, ask at once for what nobody has made yet.
  fill(layer, "threads.");
  const auto truth = run(reference, layer);
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (auto& mine : results)
    threads.emplace_back([&] {
      eqsr::Context<Cpu> own(1);
      mine = run(own, layer);
    });
  for (auto& thread : threads) thread.join();
  for (const auto& mine : results) {
    CHECK(near(mine, truth, tolerance));
    CHECK(same_bits(mine, results[0]));
  }

  // A copy has a life of its own.
  Layer copy = layer;
  CHECK(same_bits(run(ctx, copy), results[0]));
  fill(layer, "original.");
  CHECK(same_bits(run(ctx, copy), results[0]));
  const auto original = run(ctx, layer);
  copy = layer;
  CHECK(same_bits(run(ctx, copy), original));
  fill(copy, "copy.");
  CHECK(same_bits(run(ctx, layer), original));
  Layer moved = std::move(copy);
  CHECK(near(run(ctx, moved), run(reference, moved), tolerance));
}
}  // namespace

TEST_CASE("prepared: linear follows its parameters") {
  eqsr::Linear<24, 60, Cpu> layer;
  const Map<24> x(1, 33, "input");
  follows_writes(layer, [&](auto& ctx, const auto& l) {
    Map<60> y(1, 33);
    l.forward(ctx, x.in_rows(), y.out_rows());
    return y.values;
  });
}

TEST_CASE("prepared: convolutions follow their parameters") {
  eqsr::Conv2d<10, 24, 3, Cpu> three;
  eqsr::Conv2d<10, 24, 1, Cpu> one;
  const Map<10> x(5, 7, "input");
  const auto run = [&](auto& ctx, const auto& l) {
    Map<24> y(5, 7);
    l.forward(ctx, x.in(), y.out());
    return y.values;
  };
  follows_writes(three, run);
  follows_writes(one, run);
}

TEST_CASE("prepared: the modulated convolution follows its parameters and the style") {
  eqsr::ModulatedConv2d<10, 10, 5, Cpu> layer;
  const Map<10> x(5, 7, "input");
  for (const char* name : {"style", "another style"}) {
    const Map<5> style(1, 1, name);
    follows_writes(layer, [&](auto& ctx, const auto& l) {
      Map<10> y(5, 7);
      l.forward(ctx, x.in(), style.in_channels(), y.out());
      return y.values;
    });
  }
}

TEST_CASE("prepared: attentions follow their tables") {
  eqsr::WindowAttention<12, 2, 4, Cpu> window;
  eqsr::OverlappingAttention<12, 2, 4, 6, Cpu> overlapping;
  const Map<12> x(8, 8, "input");
  follows_writes(window, [&](auto& ctx, const auto& l) {
    Map<12> y(8, 8);
    l.forward(ctx, x.in(), 2, y.out());
    return y.values;
  });
  follows_writes(overlapping, [&](auto& ctx, const auto& l) {
    Map<12> y(8, 8);
    l.forward(ctx, x.in(), y.out());
    return y.values;
  });
}

TEST_CASE("prepared: the upsampler follows its parameters") {
  eqsr::KrigingUpsampler<10, Cpu, 16, 6> layer;
  const Map<10> x(4, 5, "input");
  follows_writes(layer, [&](auto& ctx, const auto& l) {
    Map<3> y(9, 8);
    l.forward(ctx, x.in(), y.out());
    return y.values;
  });
}

namespace {
constexpr eqsr::Config prepared_config{
    .channels = 12, .depths = {3}, .heads = 2, .window = 4, .latent = 16, .frequencies = 6};
}

TEST_CASE("prepared: the whole network follows each of its parameters") {
  eqsr::Net<prepared_config, Cpu> net;
  const Map<3> x = image_map("input", 7, 5);
  const auto run = [&](auto& ctx, const auto& n) {
    Map<3> y(11, 9);
    n.forward(ctx, x.in(), y.out());
    return y.values;
  };
  follows_writes(net, run, 1e-4);  // of values up to 5, after four layers with Winograd's rounding
}

TEST_CASE("prepared: one element is enough") {
  eqsr::Linear<4, 4, Cpu> layer;
  fill(layer);
  const Map<4> x(1, 3, "input");
  eqsr::Context<Cpu> ctx(1);
  Map<4> before(1, 3), after(1, 3);
  layer.forward(ctx, x.in_rows(), before.out_rows());
  layer.weight(2, 1) += 1;
  layer.forward(ctx, x.in_rows(), after.out_rows());
  for (int m = 0; m < 3; ++m)
    for (int c = 0; c < 4; ++c)
      CHECK(after(0, m, c) ==
            doctest::Approx(before(0, m, c) + (c == 2 ? x.values[std::size_t(4 * m + 1)] : 0)));
}

TEST_CASE("prepared: the encoding policy of a network may change between runs") {
  eqsr::Net<prepared_config, Cpu> net;
  fill(net);
  const Map<3> x = image_map("input", 7, 5);
  Map<3> division(11, 9), reciprocal(11, 9), truth(11, 9);
  eqsr::Context<Cpu> ctx(1);
  eqsr::Context<eqsr::Reference> reference;
  net.forward(ctx, x.in(), division.out());
  net.encoding = eqsr::Encoding::reciprocal;
  net.forward(ctx, x.in(), reciprocal.out());
  net.forward(reference, x.in(), truth.out());
  CHECK(near(reciprocal.values, truth.values, 2e-5));
  net.encoding = eqsr::Encoding::division;
  net.forward(ctx, x.in(), reciprocal.out());
  CHECK(same_bits(reciprocal.values, division.values));
}
