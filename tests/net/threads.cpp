// SPDX-License-Identifier: Apache-2.0
// Threads of the caller: one network for several, and stops from outside. Also built under
// ThreadSanitizer, so everything here stays small.
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"
#include "support/stop.hpp"
#include "tiny.hpp"

#include <chrono>
#include <thread>

using namespace eqsr_test;
using eqsr::Cpu;

namespace {

const eqsr::Net<eqsr::tiny, Cpu>& shared_net() {
  static const auto net = [] {
    eqsr::Net<eqsr::tiny, Cpu> filled;
    fill(filled);
    return filled;
  }();
  return net;
}
}  // namespace

TEST_CASE("threads: one constant network, several callers, each with a context of its own") {
  const eqsr::Image image = input_image(9, 14);
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> callers;  // the first calls pack the parameters, all at once
  for (std::size_t i = 0; i < results.size(); ++i)
    callers.emplace_back([&, i] {
      eqsr::Context<Cpu> ctx(1 + int(i) % 3);
      ctx.storage = i % 2 ? eqsr::Storage::none : eqsr::Storage::both;
      results[i] = eqsr::upscale(ctx, shared_net(), image, {.scale = 2.5}).pixels;
    });
  for (std::thread& caller : callers) caller.join();
  for (const auto& result : results) CHECK(same_bits(result, results[0]));
}

TEST_CASE("threads: a stop from another thread ends a call soon, and the call can be repeated") {
  const eqsr::Image image = input_image(24, 24);
  eqsr::Context<Cpu> ctx(2);
  const auto truth = eqsr::upscale(ctx, shared_net(), image, {.scale = 2}).pixels;
  for (const int milliseconds : {0, 3, 20, 60}) {
    CAPTURE(milliseconds);
    StopSource source;
    ctx.stop = source.get_token();
    double done = 0;
    ctx.on_progress = [&](double share, std::string_view) { done = share; };
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      source.request_stop();
    });
    const std::string what = error_of([&] {  // takes many seconds if nobody stops it
      (void)eqsr::upscale(ctx, shared_net(), image, {.height = 3000, .width = 3000});
    });
    other.join();
    CHECK(what.starts_with("cancelled: "));
    CHECK(done < 0.9);
    ctx.stop = {};
    ctx.on_progress = {};
    CHECK(same_bits(eqsr::upscale(ctx, shared_net(), image, {.scale = 2}).pixels, truth));
  }
}
