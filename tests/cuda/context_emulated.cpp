// SPDX-License-Identifier: Apache-2.0
// Contexts on the emulated device: machines, streams, threads and failures that no GPU shows on
// demand.
#include <doctest/doctest.h>

#include "cuda/net_in_context.hpp"

#include <memory>
#include <stop_token>
#include <thread>

using namespace eqsr_test;
using eqsr::Context;

TEST_CASE("cuda context: a machine without a GPU is said") {
  FakeCuda::instance().devices = 0;
  CHECK(error_of([] { Context<Cuda> ctx; }) ==
        "no_device: cudaGetDeviceCount failed: no CUDA-capable device is detected. There is no "
        "NVIDIA GPU here, or its driver is missing or too old. Use Context<Cpu>.");
  FakeCuda::instance().devices = 1;
  CHECK(FakeCuda::instance().last_error == 0);
}

TEST_CASE("cuda context: a device that is too old is said") {
  const Machine machine({.capability = 75});
  CHECK(error_of([] { Context<Cuda> ctx; }) ==
        "no_device: CUDA device 0 has compute capability 7.5; the kernels need 8.0 or more (Ampere "
        "and later). Use Context<Cpu>.");
}

TEST_CASE("cuda context: a block that is too small for a kernel is said") {
  const Machine machine({.shared_limit = 48 * 1024});
  Net net;
  fill(net);
  Context<Cuda> ctx;
  const std::string error = error_of([&] { upscaled(ctx, net); });
  CHECK(error.starts_with("limit_exceeded: A kernel needs "));
  CHECK(error.find("Use a device with more shared memory, or Context<Cpu>.") != std::string::npos);
}

TEST_CASE("cuda context: contexts that launch one kernel with different shared memory") {
  eqsr::Linear<32, 192, Cuda> wide;
  eqsr::Linear<32, 64, Cuda> narrow;
  fill(wide);
  fill(narrow);
  Context<Cuda> ctx[2];
  Arrays<Cuda> arrays;
  const auto x = arrays.in(Map<32>(3, 3, "x"));
  const auto y = arrays.out<192>(3, 3);
  const auto z = arrays.out<64>(3, 3);
  for (int round = 0; round < 2; ++round) {  // the second launch must not lower what the first set
    wide.forward(ctx[0], eqsr::rows(x), eqsr::rows(y));
    narrow.forward(ctx[1], eqsr::rows(x), eqsr::rows(z));
  }
}

TEST_CASE_FIXTURE(NetInContext,
                  "cuda context: a recording that is broken from outside runs unrecorded") {
  auto& fake = FakeCuda::instance();
  const auto truth = upscaled(ctx, net);
  const long before = fake.captures;
  fake.in_capture = FakeCuda::wait_for_device;  // as another library may
  CHECK(same_bits(upscaled(ctx, net), truth));
  CHECK(ctx.graphs().recorded() == 0);
  CHECK(same_bits(upscaled(ctx, net), truth));
  CHECK(ctx.graphs().recorded() == 1);
  CHECK(fake.captures == before + 2);

  Context<Cuda> other;  // whose recordings always break: it gives up
  const auto memory = [] {
    (void)std::make_unique<eqsr::Tensor<Cuda, float, eqsr::Axis<'m', 4>>>();
  };
  for (int i = 0; i < 6; ++i) {
    if (i > 0) fake.in_capture = memory;  // allocates and frees in the capture
    CHECK(error_of([&] { CHECK(same_bits(upscaled(other, net), truth)); }) == "no error");
    fake.in_capture = {};
  }
  CHECK(other.graphs().recorded() == 0);
  CHECK(fake.captures == before + 2 + eqsr::gpu::Graph::most_attempts);
  CHECK(fake.last_error == 0);
}

TEST_CASE_FIXTURE(NetInContext,
                  "cuda context: another thread loads, copies and computes while one records") {
  auto& fake = FakeCuda::instance();
  const auto truth = upscaled(ctx, net);
  std::vector<float> elsewhere;
  fake.in_capture = [&] {
    std::thread([&] {
      const Net copy = net;
      Context<Cuda> other;
      const auto features = eqsr::features_of(other, copy, picture(4, 5), context_target);
      elsewhere = eqsr::upscale(other, copy, features, context_target).pixels;
    }).join();
  };
  CHECK(same_bits(upscaled(ctx, net), truth));
  CHECK(ctx.graphs().recorded() == 1);
  CHECK(same_bits(elsewhere, truth));
}

TEST_CASE("cuda context: a thread each, a precision each, one network") {
  Net net;
  fill(net);
  std::vector<float> found[2][4];
  const auto work = [&](int which) {
    Context<Cuda> ctx(0, which == 0 ? Precision::float32 : Precision::bf16);
    for (auto& pixels : found[which]) pixels = upscaled(ctx, net);
  };
  std::thread second(work, 1);
  work(0);
  second.join();
  for (const auto& pixels : found)
    for (const auto& one : pixels) CHECK(same_bits(one, pixels[0]));
  CHECK_FALSE(same_bits(found[0][0], found[1][0]));
}

TEST_CASE("cuda context: two devices in one thread, and one in another thread") {
  const Machine machine({.devices = 2});
  Context<Cuda> ctx[2] = {Context<Cuda>(0), Context<Cuda>(1)};
  std::optional<Net> net[2];
  for (int i = 0; i < 2; ++i) {
    ctx[i].select();
    fill(net[i].emplace());
  }
  const auto truth = upscaled(ctx[0], *net[0]);
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 2; ++i) CHECK(same_bits(upscaled(ctx[i], *net[i]), truth));
  std::vector<float> elsewhere;
  std::thread([&] { elsewhere = upscaled(ctx[1], *net[1]); }).join();
  CHECK(same_bits(elsewhere, truth));
  CHECK(ctx[1].graphs().recorded() == 1);
  // Each call by itself, while another device is selected.
  ctx[0].select();
  eqsr::Tensor<Cuda, float, eqsr::Axis<'m', 4>> four;
  float* const data = four.data();
  ctx[1].select();
  eqsr::gpu::run_each<eqsr::gpu::ActivateBody>(ctx[0], 4, {data, nullptr, data, 4, {}});
  ctx[1].select();
  eqsr::Scope memory(ctx[0]);
  CHECK(DeviceMemory::instance().device_of(memory.floats(1 << 20)) == 0);
  const Net copy = *net[1];  // on the device that is selected, from any other
  CHECK(error_of([&] { upscaled(ctx[0], *net[1]); }) ==
        "wrong_device: The network lies on CUDA device 1, but the context computes on device 0. "
        "Load it with this context, or select the device before it is made.");
}

TEST_CASE_FIXTURE(NetInContext,
                  "cuda context: the second picture may take what the first one took") {
  auto& memory = DeviceMemory::instance();
  const auto plan = eqsr::plan_upscale(ctx, net, 4, 5, context_target);
  const std::size_t limit = memory.limit;
  memory.limit = memory.in_use() + 2 * plan.bytes + plan.prepared_bytes + 4096;
  for (int i = 0; i < 3; ++i) {
    CHECK(eqsr::plan_upscale(ctx, net, 4, 5, context_target).storage == eqsr::Storage::both);
    upscaled(ctx, net);
  }
  CHECK(ctx.graphs().recorded() == 1);
  memory.limit = limit;
}

TEST_CASE_FIXTURE(
    NetInContext,
    "cuda context: a stream that runs late gives the same bits, and progress waits for it") {
  const auto truth = upscaled(ctx, net);
  const Machine machine({.late = true});
  CHECK(same_bits(upscaled(ctx, net), truth));
  for (const bool graphs : {false, true}) {
    ctx.record_graphs = graphs;
    long before = 0;  // what was queued at the checkpoint before
    int calls = 0, behind = 0;
    ctx.on_progress = [&](double, std::string_view) {
      ++calls;
      CHECK(FakeStream::ran >= before);
      before = FakeStream::queued;
      behind += FakeStream::ran < before;
    };
    for (int i = 0; i < 3; ++i) CHECK(same_bits(upscaled(ctx, net), truth));
    CHECK(calls > 12);
    CHECK(behind > 4);  // it is one checkpoint behind, not none
    CHECK(ctx.graphs().recorded() == (graphs ? 2 : 1));
  }
  // A stop ends the work after at most two checkpoints more.
  std::stop_source source;
  ctx.stop = source.get_token();
  int calls = 0;
  ctx.on_progress = [&](double, std::string_view) {
    if (++calls == 2) source.request_stop();
  };
  CHECK(error_of([&] { upscaled(ctx, net); }).starts_with("cancelled: "));
  CHECK(calls == 2);
}

TEST_CASE("cuda context: a stream of the caller, for which nothing waits but who asks") {
  Net net;
  fill(net);
  Context<Cuda> own;
  const auto truth = upscaled(own, net);
  const Machine machine({.late = true});
  eqsr::gpu::Stream stream = nullptr;
  CHECK(eqsr::gpu::runtime().create_stream(&stream) == 0);
  {
    Context<Cuda> ctx(0, stream);
    CHECK(ctx.stream() == stream);
    for (int i = 0; i < 3; ++i) CHECK(same_bits(upscaled(ctx, net), truth));
    Arrays<Cuda> arrays;
    const auto x = arrays.in(image_map("input", 4, 5));
    const auto y = arrays.out<3>(6, 7);
    const long ran = FakeStream::ran;
    net.forward(ctx, x, y);
    CHECK(FakeStream::ran == ran);            // all of it is queued
    CHECK(near(arrays.get(y), truth, 1e-5));  // a tensor's copy waits for every context
    CHECK(FakeStream::ran > ran);
  }
  CHECK(eqsr::gpu::runtime().destroy_stream(stream) == 0);
}

TEST_CASE_FIXTURE(NetInContext, "cuda context: after the first picture nothing is allocated") {
  ctx.record_graphs = false;
  const auto truth = upscaled(ctx, net);
  const std::size_t before = DeviceMemory::instance().allocations();
  CHECK(same_bits(upscaled(ctx, net), truth));
  CHECK(DeviceMemory::instance().allocations() == before);
}

TEST_CASE_FIXTURE(
    NetInContext,
    "cuda context: out of device memory is an error, and the context can be used again") {
  ctx.max_memory = std::size_t{1} << 30;  // more than there is
  auto& memory = DeviceMemory::instance();
  const std::size_t limit = memory.limit;
  memory.limit = memory.in_use() + 1000;
  CHECK(error_of([&] { upscaled(ctx, net); }).starts_with("out_of_memory: cudaMalloc failed"));
  CHECK(FakeCuda::instance().last_error == 0);
  memory.limit = limit;
  CHECK(upscaled(ctx, net).size() == 6 * 7 * 3);
}

TEST_CASE("cuda context: where memory runs out in the middle, less is kept, with the same bits") {
  auto& memory = DeviceMemory::instance();
  Net shared;
  fill(shared);
  Context<Cuda> first;
  const auto truth = upscaled(first, shared);
  const auto features = eqsr::features_of(first, shared, picture(4, 5), context_target);
  const auto plan = eqsr::plan_upscale(first, shared, 4, 5, context_target);
  {
    const Machine machine({.late = true});
    // Each allocation of a first picture, for the workspace and for the forms of weights, in turn.
    int refused = 0;
    for (bool more = true; more; refused += more) {
      const Net net = shared;  // without forms
      Context<Cuda> ctx;
      memory.refused = memory.allocations() + std::size_t(refused);
      CHECK(same_bits(upscaled(ctx, net), truth));
      more = memory.refused == ~std::size_t{0};
      memory.refused = ~std::size_t{0};
      CHECK(ctx.storage == eqsr::Storage::both);
      CHECK((ctx.arena().capacity() < plan.workspace) == more);
    }
    CHECK(refused > 5);
  }
  // Whoever takes the memory keeps it: no more is left than what one plane needs.
  Context<Cuda> ctx;
  ctx.max_memory = plan.bytes;
  const std::size_t limit = memory.limit;
  memory.limit = memory.in_use() + plan.workspace - 1;
  CHECK(same_bits(upscaled(ctx, shared), truth));
  CHECK(same_bits(eqsr::upscale(ctx, shared, features, context_target).pixels, truth));
  memory.limit = limit;
}

TEST_CASE("cuda context: rows that were handed on are not computed again") {
  auto& fake = FakeCuda::instance();
  Net net;
  fill(net);
  Context<Cuda> ctx;
  ctx.band_height = 8;
  const eqsr::Target tall{.height = 24, .width = 3};
  for (const bool early : {true, false}) {
    std::vector<Index> rows;
    const auto upscale = [&] {
      eqsr::upscale_rows(ctx, net, picture(4, 5), tall, [&](Index y, eqsr::Plane<float, 3>) {
        rows.push_back(y);
        if (early || y > 0) return;
        fake.fail_at = fake.calls;
        fake.fail_with = eqsr::gpu::out_of_memory;
      });
    };
    const FailAt fail(early ? 12 : -1, eqsr::gpu::out_of_memory);
    const std::string error = error_of(upscale);
    if (early) {
      CHECK(error == "no error");
      CHECK(rows == std::vector<Index>{0, 8, 16});
    } else {
      CHECK(error.starts_with("out_of_memory: "));
      CHECK(rows == std::vector<Index>{0});
    }
  }
}

TEST_CASE_FIXTURE(NetInContext, "cuda context: rows come to the host while the next are computed") {
  auto& fake = FakeCuda::instance();
  const eqsr::Target tall{.height = 24, .width = 3};
  const auto truth = eqsr::upscale(ctx, net, picture(4, 5), tall).pixels;
  const int pinned = fake.pinned;
  const Machine machine({.late = true});
  {
    Context<Cuda> other;
    other.band_height = 8;
    std::vector<float> pixels;
    std::vector<long> launches;
    const auto keep = [&](Index, eqsr::Plane<float, 3> rows) {
      launches.push_back(fake.launches);
      pixels.insert(pixels.end(), rows.data(), rows.data() + rows.size());
    };
    for (int round = 0; round < 3; ++round) {
      pixels.clear();
      launches.clear();
      eqsr::upscale_rows(other, net, picture(4, 5), tall, keep);
      CHECK(same_bits(pixels, truth));
      CHECK(launches.size() == 3);
      CHECK(launches[0] < launches[1]);         // the third band was not queued yet
      CHECK(launches[1] == launches[2]);        // the third band was, before the second came
      CHECK(launches.back() == fake.launches);  // and all of them before the last came
    }
    CHECK(fake.pinned == pinned + 2);
    // Whoever throws leaves nothing on its way.
    const std::string error = error_of([&] {
      eqsr::upscale_rows(other, net, picture(4, 5), tall, [](Index, eqsr::Plane<float, 3>) {
        throw eqsr::Error("mine", "The receiver has had enough.");
      });
    });
    CHECK(error == "mine: The receiver has had enough.");
    CHECK(other.rows_to_host().on_their_way() == 0);
    pixels.clear();
    eqsr::upscale_rows(other, net, picture(4, 5), tall, keep);
    CHECK(same_bits(pixels, truth));
  }
  CHECK(fake.pinned == pinned);
}

TEST_CASE("cuda context: whichever call of the runtime fails, it is named and nothing is left") {
  auto& fake = FakeCuda::instance();
  Net shared;
  fill(shared);
  const auto work = [&] {
    Net net = shared;  // copies parameters, without their prepared forms
    Context<Cuda> ctx;
    ctx.storage = eqsr::Storage::none;               // nothing less could be kept
    for (int i = 0; i < 3; ++i) upscaled(ctx, net);  // plain, recorded, replayed
    ctx.band_height = 8;
    eqsr::upscale_rows(ctx, net, picture(4, 5), {.height = 24, .width = 3}, {});
  };
  fake.computes = false;  // the calls matter here, and there are a thousand of them
  work();
  const std::size_t live = DeviceMemory::instance().live();
  const int streams = fake.streams, events = fake.events;
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
    CAPTURE(fake.failed_call);
    if (error == "no error") {
      // Freeing and destroying have nobody to tell; what cannot be recorded runs unrecorded, and
      // rows come by way of ordinary memory.
      CHECK((fake.last_failed_was_cleanup || fake.last_failed_in_recording ||
             fake.failed_call == "cudaHostAlloc"));
    } else {
      ++reported;
      CHECK(error.starts_with(code == 999 ? "device_error: cuda" : "out_of_memory: cuda"));
      CHECK(error.find(fake.failed_call + " failed") != std::string::npos);
    }
    CHECK(fake.last_error == 0);
    CHECK(DeviceMemory::instance().live() == live);
    CHECK(fake.streams == streams);
    CHECK(fake.events == events);
    CHECK(fake.pinned == 0);
    CHECK(fake.graphs == 0);
    CHECK_FALSE(fake.capturing());
  }
  CHECK(reported > calls / 3);
  fake.computes = true;
  Context<Cuda> ctx;
  CHECK(upscaled(ctx, shared).size() == 6 * 7 * 3);
}
