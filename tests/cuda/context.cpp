// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"
#if !defined(__CUDACC__)
#include <eqsr/cpu/core/simd.hpp>  // both backends in one file
#endif

using namespace eqsr_test;
using eqsr::Context;

namespace {
using Net = eqsr::Net<nano, Cuda>;

eqsr::Image picture(int height, int width) {
  eqsr::Image image = eqsr::blank_image(height, width);
  image.pixels = image_map("input", height, width).values;
  return image;
}
const eqsr::Target target{.height = 6, .width = 7};

std::vector<float> upscaled(Context<Cuda>& ctx, const Net& net) {
  return eqsr::upscale(ctx, net, picture(4, 5), target).pixels;
}
}  // namespace

TEST_CASE("cuda context: upscale agrees with the specification") {
  Net net;
  fill(net);
  eqsr::Net<nano, Cpu> same;
  fill(same);
  Context<Cuda> ctx;
  Context<Reference> reference;
  const auto truth = eqsr::upscale(reference, same, picture(4, 5), target).pixels;
  const auto found = upscaled(ctx, net);
  CHECK(near(found, truth, 5e-5));

  // Row by row, and from features, the result has the same bits.
  std::vector<float> rows;
  eqsr::upscale_rows(ctx, net, picture(4, 5), target, [&](Index y, eqsr::Plane<float, 3> band) {
    CHECK(std::size_t(y * 7 * 3) == rows.size());
    rows.insert(rows.end(), band.data(), band.data() + band.size());
  });
  CHECK(same_bits(rows, found));
  const auto features = eqsr::features_of(ctx, net, picture(4, 5), target);
  CHECK(same_bits(eqsr::upscale(ctx, net, features, target).pixels, found));
}

TEST_CASE("cuda context: a size that was met before runs as one graph, with the same bits") {
  Net net;
  fill(net);
  Context<Cuda> ctx;
  const auto first = upscaled(ctx, net);
  CHECK_FALSE(ctx.graph().recorded());
  CHECK(same_bits(upscaled(ctx, net), first));
  CHECK(ctx.graph().recorded());
  CHECK(same_bits(upscaled(ctx, net), first));

  // Another parameter, precision or size is another graph.
  fill(net, "", "other ");
  const auto other = upscaled(ctx, net);
  CHECK_FALSE(same_bits(other, first));
  CHECK_FALSE(ctx.graph().recorded());
  CHECK(same_bits(upscaled(ctx, net), other));
  ctx.precision = Precision::bf16;
  CHECK_FALSE(same_bits(upscaled(ctx, net), other));
  CHECK_FALSE(ctx.graph().recorded());
}

TEST_CASE("cuda context: progress and stop work as on the CPU, without graphs") {
  Net net;
  fill(net);
  Context<Cuda> ctx;
  int calls = 0;
  ctx.on_progress = [&](double, std::string_view) { ++calls; };
  const auto truth = upscaled(ctx, net);
  upscaled(ctx, net);
  CHECK(calls > 4);
  CHECK_FALSE(ctx.graph().recorded());
  std::stop_source source;
  ctx.stop = source.get_token();
  source.request_stop();
  CHECK(error_of([&] { upscaled(ctx, net); }).starts_with("cancelled: "));
  ctx.stop = {};
  CHECK(same_bits(upscaled(ctx, net), truth));
}

TEST_CASE("cuda context: a memory budget keeps less, with the same bits") {
  Net net;
  fill(net);
  Context<Cuda> ctx;
  const auto truth = upscaled(ctx, net);
  ctx.max_memory = eqsr::plan_upscale(ctx, net, 4, 5, target).bytes - 1;
  CHECK(eqsr::plan_upscale(ctx, net, 4, 5, target).storage == eqsr::Storage::one);
  CHECK(same_bits(upscaled(ctx, net), truth));
  ctx.max_memory = 1000;
  CHECK(error_of([&] { upscaled(ctx, net); }).starts_with("memory_budget: "));
}

TEST_CASE("cuda context: a device that is not there is said") {
  CHECK(
      error_of([] { Context<Cuda> ctx(77); }).starts_with("no_device: There is no CUDA device 77"));
}

#if defined(__CUDACC__)
TEST_CASE("cuda context: out of device memory is an error, and the context can be used again") {
  Net net;
  fill(net);
  Context<Cuda> ctx;
  const auto truth = upscaled(ctx, net);
  CHECK(error_of([&] {
          ctx.reserve(std::size_t{1} << 45);
        }).starts_with("out_of_memory: cudaMalloc"));
  CHECK(same_bits(upscaled(ctx, net), truth));
}
#else
TEST_CASE("cuda context: a machine without a GPU is said") {
  FakeCuda::instance().devices = 0;
  CHECK(error_of([] { Context<Cuda> ctx; }) ==
        "no_device: cudaGetDeviceCount failed: no CUDA-capable device is detected. There is no "
        "NVIDIA GPU here, or its driver is missing or too old. Use Context<Cpu>.");
  FakeCuda::instance().devices = 1;
  CHECK(FakeCuda::instance().last_error == 0);
}

TEST_CASE("cuda context: after the first picture nothing is allocated") {
  Net net;
  fill(net);
  Context<Cuda> ctx;
  ctx.record_graphs = false;
  const auto truth = upscaled(ctx, net);
  const std::size_t before = DeviceMemory::instance().allocations();
  CHECK(same_bits(upscaled(ctx, net), truth));
  CHECK(DeviceMemory::instance().allocations() == before);
}

TEST_CASE("cuda context: out of device memory is an error, and the context can be used again") {
  Net net;
  fill(net);
  Context<Cuda> ctx;
  ctx.max_memory = std::size_t{1} << 30;  // more than there is
  auto& memory = DeviceMemory::instance();
  const std::size_t limit = memory.limit;
  memory.limit = memory.in_use() + 1000;
  CHECK(error_of([&] { upscaled(ctx, net); }).starts_with("out_of_memory: cudaMalloc failed"));
  CHECK(FakeCuda::instance().last_error == 0);
  memory.limit = limit;
  CHECK(upscaled(ctx, net).size() == 6 * 7 * 3);
}

TEST_CASE("cuda context: whichever call of the runtime fails, it is named and nothing is left") {
  auto& fake = FakeCuda::instance();
  Net shared;
  fill(shared);
  const auto work = [&] {
    Net net = shared;  // copies parameters, without their prepared forms
    Context<Cuda> ctx;
    for (int i = 0; i < 3; ++i) upscaled(ctx, net);  // plain, recorded, replayed
  };
  fake.computes = false;  // the calls matter here, and there are a thousand of them
  work();
  const std::size_t live = DeviceMemory::instance().live();
  const long before = fake.calls;
  work();
  const long calls = fake.calls - before;
  CHECK(calls > 200);
  long reported = 0;
  for (long n = 0; n < calls; ++n) {
    CAPTURE(n);
    const int code = n % 2 == 0 ? 999 : eqsr::gpu::out_of_memory;
    std::string error;
    {
      const FailAt fail(n, code);
      error = error_of(work);
    }
    if (error == "no error") {
      CHECK(fake.last_failed_was_cleanup);  // freeing and destroying have nobody to tell
    } else {
      ++reported;
      CHECK(error.starts_with(code == 999 ? "device_error: cuda" : "out_of_memory: cuda"));
      CHECK(error.find(fake.failed_call + " failed") != std::string::npos);
    }
    CHECK(fake.last_error == 0);
    CHECK(DeviceMemory::instance().live() == live);
    CHECK(fake.streams == 0);
    CHECK(fake.graphs == 0);
    CHECK_FALSE(fake.capturing);
  }
  CHECK(reported > calls / 2);
  fake.computes = true;
  Context<Cuda> ctx;
  CHECK(upscaled(ctx, shared).size() == 6 * 7 * 3);
}
#endif
