// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/core/workspace.hpp>

using eqsr::Cpu;
using eqsr::Index;
using eqsr::Reference;

TEST_CASE("workspace: allocations are aligned, counted and released together") {
  eqsr::Arena<Reference> arena;
  CHECK(arena.capacity() == 0);
  const auto mark = arena.mark();
  auto* a = static_cast<char*>(arena.allocate(1));
  auto* b = static_cast<char*>(arena.allocate(300));
  CHECK(reinterpret_cast<std::uintptr_t>(a) % 256 == 0);
  CHECK(b - a == 256);
  CHECK(arena.peak() == 256 + 512);
  arena.release(mark);
  CHECK(arena.allocate(256) == a);  // the same memory again
  CHECK(arena.peak() == 256 + 512);
  arena.release(mark);
  const void* nothing = arena.allocate(0);
  CHECK(nothing == arena.allocate(1));
}

TEST_CASE("workspace: an arena grows without moving what it gave") {
  eqsr::Arena<Reference> arena;
  const auto start = arena.mark();
  auto* small = static_cast<float*>(arena.allocate(1000));
  small[7] = 3;
  for (int i = 0; i < 10; ++i) {
    auto* large = static_cast<char*>(arena.allocate(std::size_t{1} << 20));
    large[0] = large[(1 << 20) - 1] = 1;
  }
  CHECK(small[7] == 3);
  const std::size_t held = arena.capacity();
  CHECK(held >= arena.peak());
  arena.release(start);
  for (int i = 0; i < 10; ++i) (void)arena.allocate(std::size_t{1} << 20);
  CHECK(arena.capacity() <= held + (1 << 20));
}

TEST_CASE("workspace: after reserving, nothing is allocated") {
  eqsr::Arena<Reference> arena;
  arena.reserve(100'000);
  const std::size_t held = arena.capacity();
  CHECK(held >= 100'000);
  const auto mark = arena.mark();
  for (int i = 0; i < 10; ++i) (void)arena.allocate(9'900);
  CHECK(arena.capacity() == held);
  arena.release(mark);
  arena.reserve(50'000);  // enough already
  CHECK(arena.capacity() == held);
  arena.reserve(200'000);
  CHECK(arena.capacity() >= 200'000);
  CHECK(arena.capacity() < 201'000);
}

TEST_CASE("workspace: scopes nest") {
  eqsr::Context<Reference> ctx;
  eqsr::Scope outer(ctx);
  const auto a = outer.plane<3>(4, 5);
  CHECK(a.size() == 60);
  float* freed = nullptr;
  {
    eqsr::Scope inner(ctx);
    freed = inner.rows<7>(9).data();
    CHECK(inner.array<double>(3) != nullptr);
  }
  CHECK(outer.rows<2>(1).data() == freed);
}

namespace {
/// An operator that needs a kilobyte of scratch a thread.
struct Touch {
  static eqsr::Cost cost(Index count) { return {.flops = 2.0 * double(count), .bytes = 1}; }
};
struct TouchTwice {
  void forward(eqsr::AnyContext auto& ctx, Index count) const {
    eqsr::Scope scope(ctx);
    (void)scope.template array<float>(count);
    eqsr::launch<Touch>(ctx, count);
    eqsr::launch<Touch>(ctx, count);
  }
};
}  // namespace

template <>
struct eqsr::Kernel<Touch, Reference> {
  static std::size_t workspace(int threads, Index) { return std::size_t(threads) * 1024; }
  static void run(Context<Reference>& ctx, Index) {
    Scope scope(ctx);
    (void)scope.array<char>(1024);
  }
};

TEST_CASE("workspace: a dry run counts memory and operations, and touches nothing") {
  const eqsr::Plan plan =
      eqsr::plan_on<Reference>(1, eqsr::Storage::both, TouchTwice{}, Index{1000});
  CHECK(plan.cost.flops == 4000);
  CHECK(plan.cost.bytes == 2);
  eqsr::Context<Reference> ctx;
  TouchTwice{}.forward(ctx, 1000);
  CHECK(ctx.arena().peak() == 4096 + 1024);
  CHECK(plan.workspace >= ctx.arena().peak());
  CHECK(plan.workspace <= ctx.arena().peak() + 256);
  CHECK(eqsr::plan_on<Reference>(8, eqsr::Storage::both, TouchTwice{}, Index{1000}).workspace ==
        plan.workspace + 7 * 1024);
  CHECK(eqsr::plan(ctx, TouchTwice{}, Index{1000}).workspace == plan.workspace);
  CHECK(eqsr::plan_on<Reference>(1, eqsr::Storage::both, TouchTwice{}, Index{1} << 40).workspace >
        std::size_t{1} << 42);
}

TEST_CASE("workspace: checkpoints report and obey a stop") {
  eqsr::Context<Reference> ctx;
  std::string seen;
  ctx.on_progress = [&](double done, std::string_view stage) {
    seen += eqsr::say(stage, " ", done, "; ");
  };
  ctx.checkpoint(0.25, "features");
  ctx.checkpoint(0.5, "upsampling");
  CHECK(seen == "features 0.25; upsampling 0.5; ");
  std::stop_source source;
  ctx.stop = source.get_token();
  CHECK_NOTHROW(ctx.checkpoint(0.6, "upsampling"));
  source.request_stop();
  try {
    ctx.checkpoint(0.7, "upsampling");
    FAIL("no error");
  } catch (const eqsr::Error& error) {
    CHECK(error.code() == "cancelled");
    CHECK(std::string(error.what()) ==
          "The run was cancelled during upsampling. The network and the context can be used "
          "again.");
  }
}

TEST_CASE("workspace: memory that does not exist is an error with a code") {
  eqsr::Arena<Reference> arena;
  try {
    (void)arena.allocate(std::size_t{1} << 60);
    FAIL("no error");
  } catch (const eqsr::Error& error) {
    CHECK(error.code() == "out_of_memory");
  }
  CHECK(arena.allocate(64) != nullptr);
}
