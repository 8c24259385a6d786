// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/net_in_context.hpp"
#if !defined(__CUDACC__)
#include <eqsr/cpu/core/simd.hpp>  // both backends in one file
#endif

#include <stop_token>

using namespace eqsr_test;
using eqsr::Context;

TEST_CASE_FIXTURE(NetInContext, "cuda context: upscale agrees with the specification") {
  eqsr::Net<nano, Cpu> same;
  fill(same);
  Context<Reference> reference;
  const auto truth = eqsr::upscale(reference, same, picture(4, 5), context_target).pixels;
  const auto found = upscaled(ctx, net);
  CHECK(near(found, truth, 5e-5));

  // Row by row, and from features, the result has the same bits.
  std::vector<float> rows;
  eqsr::upscale_rows(ctx, net, picture(4, 5), context_target,
                     [&](Index y, eqsr::Plane<float, 3> band) {
                       CHECK(std::size_t(y * 7 * 3) == rows.size());
                       rows.insert(rows.end(), band.data(), band.data() + band.size());
                     });
  CHECK(same_bits(rows, found));
  const auto features = eqsr::features_of(ctx, net, picture(4, 5), context_target);
  CHECK(same_bits(eqsr::upscale(ctx, net, features, context_target).pixels, found));
}

TEST_CASE_FIXTURE(
    NetInContext,
    "cuda context: a size that was met before runs as one graph, with the same bits") {
  const auto first = upscaled(ctx, net);
  CHECK(ctx.graphs().recorded() == 0);
  CHECK(same_bits(upscaled(ctx, net), first));
  CHECK(ctx.graphs().recorded() == 1);
  CHECK(same_bits(upscaled(ctx, net), first));

  // Another parameter is another graph.
  fill(net, "", "other ");
  const auto other = upscaled(ctx, net);
  CHECK_FALSE(same_bits(other, first));
  CHECK(ctx.graphs().recorded() == 1);
  CHECK(same_bits(upscaled(ctx, net), other));
  CHECK(ctx.graphs().recorded() == 2);
}

TEST_CASE_FIXTURE(NetInContext, "cuda context: graphs of sizes and precisions live side by side") {
  Context<Cuda> second(0, Precision::bf16);
  const eqsr::Target larger{.height = 9, .width = 8};
  const auto as = [&](Precision precision, const eqsr::Target& to) {
    ctx.precision = precision;
    return eqsr::upscale(ctx, net, picture(4, 5), to).pixels;
  };
  const auto big = as(Precision::float32, larger), small = as(Precision::float32, context_target);
  const auto coarse = as(Precision::bf16, context_target);
  CHECK_FALSE(same_bits(coarse, small));
  CHECK(same_bits(upscaled(second, net), coarse));
  for (int round = 0; round < 2; ++round) {
    CHECK(same_bits(as(Precision::float32, larger), big));
    CHECK(same_bits(as(Precision::bf16, context_target), coarse));
    CHECK(same_bits(upscaled(second, net), coarse));
    ctx.precision = Precision::bf16x3;  // a form of its own, prepared where no graph is
    eqsr::upscale_rows(ctx, net, picture(4, 5), context_target, {});
    CHECK(same_bits(as(Precision::float32, context_target), small));
  }
  CHECK(ctx.graphs().recorded() == 3);
}

TEST_CASE_FIXTURE(NetInContext,
                  "cuda context: progress and stop work as on the CPU, with graphs too") {
  std::vector<double> done[3];
  std::vector<float> truth;
  for (auto& steps : done) {
    ctx.on_progress = [&](double part, std::string_view) { steps.push_back(part); };
    const auto found = upscaled(ctx, net);
    if (truth.empty()) truth = found;
    CHECK(same_bits(found, truth));
  }
  CHECK(ctx.graphs().recorded() == 1);
  CHECK(done[0].size() > 4);
  CHECK(std::is_sorted(done[0].begin(), done[0].end()));
  CHECK(done[1] == done[0]);
  CHECK(done[2] == done[0]);
  std::stop_source source;
  ctx.stop = source.get_token();
  source.request_stop();
  CHECK(error_of([&] { upscaled(ctx, net); }).starts_with("cancelled: "));
  ctx.stop = {};
  ctx.on_progress = {};
  CHECK(same_bits(upscaled(ctx, net), truth));
}

TEST_CASE_FIXTURE(NetInContext, "cuda context: a memory budget keeps less, with the same bits") {
  const auto truth = upscaled(ctx, net);
  ctx.max_memory = eqsr::plan_upscale(ctx, net, 4, 5, context_target).bytes - 1;
  CHECK(eqsr::plan_upscale(ctx, net, 4, 5, context_target).storage == eqsr::Storage::one);
  CHECK(same_bits(upscaled(ctx, net), truth));
  ctx.max_memory = 1000;
  CHECK(error_of([&] { upscaled(ctx, net); }).starts_with("memory_budget: "));
}

TEST_CASE("cuda context: a device that is not there is said") {
  CHECK(
      error_of([] { Context<Cuda> ctx(77); }).starts_with("no_device: There is no CUDA device 77"));
}

#if defined(__CUDACC__)
TEST_CASE_FIXTURE(
    NetInContext,
    "cuda context: out of device memory is an error, and the context can be used again") {
  const auto truth = upscaled(ctx, net);
  CHECK(error_of([&] {
          ctx.reserve(std::size_t{1} << 45);
        }).starts_with("out_of_memory: cudaMalloc"));
  CHECK(same_bits(upscaled(ctx, net), truth));
}
#endif
