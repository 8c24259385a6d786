// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/core/plan.hpp>

#include <string>

using eqsr::Cpu;
using eqsr::Index;
using eqsr::Reference;

namespace {
/// An operator with a kilobyte of scratch a thread, and a form of a thousand bytes.
struct Touch {
  static eqsr::Cost cost(Index count, const eqsr::Prepared&) {
    return {.flops = 2.0 * double(count), .bytes = 1};
  }
};
struct TouchTwice {
  eqsr::Prepared prepared;
  void forward(eqsr::AnyContext auto& ctx, Index count) const {
    eqsr::Scope scope(ctx);
    (void)scope.floats(count);
    eqsr::launch<Touch>(ctx, count, prepared);
    eqsr::launch<Touch>(ctx, count, prepared);
  }
};

/// A composite of two; the CPU runs it as one with less scratch, and calls back meanwhile.
struct Pair : eqsr::Composite {
  static void compose(eqsr::AnyContext auto& ctx, const TouchTwice& layer, Index count,
                      const auto& call) {
    layer.forward(ctx, count);
    call();
  }
};
}  // namespace

template <>
struct eqsr::Kernel<Touch, Reference> {
  struct Scratch {
    char* bytes;
    const std::string* form;
  };
  static Scratch scratch(auto& memory, Index, const Prepared& prepared) {
    return {memory.template array<char>(1024 * memory.context().threads()),
            memory.context().template prepare<std::string>(prepared, 7, 1000,
                                                           [] { return std::string("made"); })};
  }
  static void run(Context<Reference>&, const Scratch& scratch, Index, const Prepared&) {
    scratch.bytes[1023] = (*scratch.form)[0];
  }
};
template <class... Arguments>
inline constexpr bool eqsr::fuses<Pair, Cpu, Arguments...> = true;
template <>
struct eqsr::Kernel<Pair, Cpu> {
  struct Scratch {
    float* floats;
  };
  static Scratch scratch(auto& memory, const TouchTwice&, Index, const auto&) {
    return {memory.floats(64)};
  }
};

TEST_CASE("plan: a dry run counts memory, forms and operations, and touches nothing") {
  const TouchTwice layer;
  const eqsr::Plan plan = eqsr::plan_on<Reference>(1, eqsr::Storage::both, layer, Index{1000});
  CHECK(plan.cost.flops == 4000);
  CHECK(plan.cost.bytes == 2);
  CHECK(plan.prepared_bytes == 1000);  // one form, asked for twice
  eqsr::Context<Reference> ctx;
  layer.forward(ctx, 1000);
  CHECK(ctx.arena().peak() == 4096 + 1024);
  CHECK(plan.workspace == ctx.arena().peak() + 256);
  CHECK(eqsr::plan_on<Reference>(8, eqsr::Storage::both, layer, Index{1000}).workspace ==
        plan.workspace + 7 * 1024);
  CHECK(eqsr::plan(ctx, layer, Index{1000}).workspace == plan.workspace);
  constexpr int power = sizeof(Index) == 8 ? 40 : 28;
  CHECK(eqsr::plan_on<Reference>(1, eqsr::Storage::both, layer, Index{1} << power).workspace >
        std::size_t{1} << (power + 2));
}

TEST_CASE("plan: a fused composite costs what its parts cost, and needs its own scratch") {
  const TouchTwice layer;
  eqsr::Context<eqsr::DryRun<Cpu>> dry;
  const auto call = [&] {  // works beside the kernel's scratch
    eqsr::Scope scope(dry);
    (void)scope.floats(64);
  };
  eqsr::launch<Pair>(dry, layer, Index{1000}, call);
  CHECK(dry.cost.flops == 4000);
  CHECK(dry.cost.bytes == 2);
  CHECK(dry.arena().peak() == 512);
  CHECK(dry.prepared_bytes() == 0);

  eqsr::Context<Reference> ctx;  // does not fuse it
  int calls = 0;
  eqsr::launch<Pair>(ctx, layer, Index{1000}, [&] { ++calls; });
  CHECK(calls == 1);
  CHECK(ctx.arena().peak() == 4096 + 1024);
}

TEST_CASE("plan: the share of the first of two stages is that of its operations") {
  const TouchTwice layer;
  eqsr::Context<Reference> ctx;
  const auto share = [&] {
    return eqsr::first_share(
        ctx, [&](auto& dry) { layer.forward(dry, 100); },
        [&](auto& dry) { layer.forward(dry, 300); });
  };
  CHECK(share() == 0);  // nobody watches
  ctx.on_progress = [](double, std::string_view) {};
  CHECK(share() == 0.25);
}
