// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"
#include "support/layers.hpp"
#include "tiny.hpp"

using namespace eqsr_test;
using eqsr::Storage;

/// Plans are exact: what the arena holds at the peak, and the prepared forms, to the byte, whether
/// or not a device has the shared memory that a fused kernel needs.
namespace {
#if defined(__CUDACC__)
constexpr int shared_limits[] = {0};  // what the device has
void use_limit(int) {}
#else
constexpr int shared_limits[] = {48 * 1024, 99 * 1024, 227 * 1024};
void use_limit(int bytes) { FakeCuda::instance().shared_limit = bytes; }
#endif

/// Whether `work` ran; a kernel that this device has too little shared memory for is refused.
bool ran(const auto& work) {
  try {
    work();
    return true;
  } catch (const eqsr::Error& error) {
    CHECK(error.code() == "limit_exceeded");
    return false;
  }
}
}  // namespace

TEST_CASE("cuda plan: the workspace of every operator, to the byte") {
  for (const int limit : shared_limits) {
    CAPTURE(limit);
    use_limit(limit);
    int refused = 0, total = 0;
    every_layer<Cuda>([&](const char* name, const auto& run) {
      CAPTURE(name);
      for (const Precision precision : every_precision) {
        eqsr::Context<Cuda> ctx(0, precision);
        ctx.storage = precision == Precision::bf16 ? Storage::one : Storage::both;
        ++total;
        refused += !ran([&] { expect_exact_plan(ctx, run); });
      }
    });
    CHECK((limit == 48 * 1024) == (refused > total / 4));  // products need more than that
    if (limit == 227 * 1024) CHECK(refused == 0);
  }
  use_limit(227 * 1024);
}

TEST_CASE("cuda plan: the workspace and the prepared forms of a network, to the byte") {
  const eqsr::Target target{.height = 17, .width = 7};
  eqsr::Image image = eqsr::blank_image(4, 5);
  image.pixels = image_map("input", 4, 5).values;
  for (const int limit : shared_limits) {
    if (limit == 48 * 1024) continue;  // no network runs there
    CAPTURE(limit);
    use_limit(limit);
    for (const auto storage : {Storage::both, Storage::one, Storage::none})
      for (const Precision precision : every_precision) {
        eqsr::Net<nano, Cuda> net;
        fill(net);
        eqsr::Context<Cuda> ctx(0, precision);
        ctx.storage = storage;
        ctx.band_height = 8;
        const auto plan = eqsr::plan_upscale_rows(ctx, net, 4, 5, target);
        CHECK(plan.storage == storage);
#if !defined(__CUDACC__)
        const std::size_t before = DeviceMemory::instance().in_use();
#endif
        eqsr::upscale_rows(ctx, net, image, target, {});
        CHECK(plan.workspace == ctx.arena().peak() + eqsr::arena_alignment);
#if !defined(__CUDACC__)
        const std::size_t held = eqsr::Arena<Cuda>::rounded(plan.workspace) + eqsr::arena_alignment;
        CHECK(DeviceMemory::instance().in_use() - before == held + plan.prepared_bytes);
#endif
        eqsr::Context<Cuda> whole(0, precision);
        whole.storage = storage;
        const auto all = eqsr::plan_upscale(whole, net, 4, 5, target);
        (void)eqsr::upscale(whole, net, image, target);
        CHECK(all.workspace == whole.arena().peak() + eqsr::arena_alignment);
        CHECK(all.prepared_bytes == plan.prepared_bytes);
      }
  }
  use_limit(227 * 1024);
}

TEST_CASE("cuda plan: a perceptron in one kernel needs no memory for its hidden layer") {
  const eqsr::Net<eqsr::tiny, Cuda> net;
  const eqsr::Plane<const float, 3> x(nullptr, 64, 64);
  const eqsr::Plane<float, 3> y(nullptr, 1024, 1024);
  const auto workspace = [&](int limit, Storage storage) {
    use_limit(limit);
    eqsr::Context<Cuda> ctx;
    ctx.storage = storage;
    const std::size_t bytes = eqsr::plan(ctx, net, x, y).workspace;
    use_limit(227 * 1024);
    return bytes;
  };
#if !defined(__CUDACC__)
  const std::size_t band = std::size_t{64 + 4} * 1024 * 256 * sizeof(float);
  for (const auto storage : {Storage::both, Storage::one, Storage::none})
    CHECK(workspace(99 * 1024, storage) - workspace(227 * 1024, storage) > 2 * band);
#else
  CHECK(workspace(0, Storage::none) < workspace(0, Storage::both));
#endif
}
