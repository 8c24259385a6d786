// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"
#include "support/sanitized.hpp"
#include "tiny.hpp"

#include <functional>
#include <random>

using namespace eqsr_test;
using eqsr::Cpu;
using eqsr::Plane;
using eqsr::Storage;

namespace {
constexpr eqsr::Config memory_config{.channels = 12,
                                     .depths = {3},
                                     .heads = 2,
                                     .window = 4,
                                     .latent = 16,
                                     .frequencies = 4,
                                     .image_skip = eqsr::ImageSkip::bicubic};

template <eqsr::Config config>
eqsr::Net<config, Cpu> filled_net() {
  eqsr::Net<config, Cpu> net;
  fill(net);
  return net;
}

/// The rows that upscale_rows hands on, one after the other.
template <class Net>
std::vector<float> rows_of(eqsr::Context<Cpu>& ctx, const Net& net, const eqsr::Image& image,
                           const eqsr::Target& target) {
  std::vector<float> values;
  const eqsr::Size size = eqsr::resolve(target, image.height, image.width);
  Index next = 0;
  eqsr::upscale_rows(ctx, net, image, target, [&](Index y, Plane<float, 3> rows) {
    CHECK(y == next);
    CHECK(rows.extent<'w'>() == size.width);
    next += rows.extent<'h'>();
    values.insert(values.end(), rows.data(), rows.data() + rows.size());
  });
  CHECK(next == size.height);
  return values;
}
}  // namespace

TEST_CASE("memory: fifty sizes, budgets, bands and threads give the same bits") {
  const auto net = filled_net<memory_config>();
  std::mt19937 random(7);
  const auto between = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  for (int i = 0; i < (sanitized ? 10 : 50); ++i) {
    const int h = between(1, 20), w = between(1, 20);
    const eqsr::Target target{.height = between(1, 90), .width = between(1, 150)};
    const eqsr::Image image = input_image(h, w);
    eqsr::Context<Cpu> one(1);
    const auto truth = eqsr::upscale(one, net, image, target).pixels;

    eqsr::Context<Cpu> ctx(std::array{1, 2, 3, 7}[static_cast<std::size_t>(between(0, 3))]);
    ctx.band_height = between(0, 40);
    ctx.storage = Storage::none;
    const std::size_t least = eqsr::plan_upscale_rows(ctx, net, h, w, target).bytes;
    ctx.storage = Storage::both;
    const std::size_t most = eqsr::plan_upscale_rows(ctx, net, h, w, target).bytes;
    ctx.max_memory = least + (most - least) * static_cast<std::size_t>(between(0, 100)) / 100;
    CAPTURE(h);
    CAPTURE(w);
    CAPTURE(target.height);
    CAPTURE(target.width);
    CAPTURE(ctx.band_height);
    CAPTURE(ctx.max_memory);
    CHECK(same_bits(rows_of(ctx, net, image, target), truth));
    ctx.max_memory = 0;
    CHECK(same_bits(eqsr::upscale(ctx, net, image, target).pixels, truth));
  }
}

TEST_CASE("memory: the arena stays within the plan, with bands too") {
  const auto net = filled_net<eqsr::tiny>();
  const eqsr::Image image = input_image(9, 21);
  const eqsr::Target target{.height = 61, .width = 170};
  for (const auto storage : {Storage::both, Storage::one, Storage::none})
    for (const Index band : {0, 1, 7, 16, 100}) {
      eqsr::Context<Cpu> ctx(3);
      ctx.storage = storage;
      ctx.band_height = band;
      const auto plan = eqsr::plan_upscale_rows(ctx, net, 9, 21, target);
      CHECK(plan.storage == storage);
      (void)rows_of(ctx, net, image, target);
      CHECK(plan.workspace == ctx.arena().peak() + eqsr::arena_alignment);
    }
}

TEST_CASE("memory: rows need less than the whole") {
  const auto net = filled_net<eqsr::tiny>();
  eqsr::Context<Cpu> ctx(2);
  ctx.storage = Storage::both;  // whatever is free when each is planned
  const eqsr::Target target{.height = 4000, .width = 3000};
  const auto whole = eqsr::plan_upscale(ctx, net, 20, 30, target);
  const auto rows = eqsr::plan_upscale_rows(ctx, net, 20, 30, target);
  CHECK(whole.bytes > rows.bytes + std::size_t{4000} * 3000 * 3 * 4 * 9 / 10);
  CHECK(whole.size == eqsr::Size{4000, 3000});
}

TEST_CASE("memory: without a budget half of what is free is allowed") {
  const auto net = filled_net<eqsr::tiny>();
  eqsr::Context<Cpu> ctx(1);
  const auto plan = eqsr::plan_upscale(ctx, net, 8, 8, {.scale = 2});
  CHECK(eqsr::free_memory() > 1 << 20);
  CHECK(double(plan.budget) == doctest::Approx(double(eqsr::free_memory()) / 2).epsilon(0.2));
  ctx.max_memory = 123456789;
  CHECK(eqsr::plan_upscale(ctx, net, 8, 8, {.scale = 2}).budget == 123456789);
}

TEST_CASE("memory: a smaller budget than before gives back what the context held") {
  const auto net = filled_net<eqsr::tiny>();
  eqsr::Context<Cpu> ctx(1);
  const eqsr::Image image = input_image(16, 16);
  const eqsr::Target target{.height = 300, .width = 300};
  const auto truth = eqsr::upscale(ctx, net, image, target).pixels;
  const std::size_t before = ctx.arena().capacity();
  ctx.max_memory = before / 2;
  CHECK(same_bits(eqsr::upscale(ctx, net, image, target).pixels, truth));
  CHECK(ctx.arena().capacity() <= ctx.max_memory);
}

TEST_CASE("memory: what a sink throws ends the call and nothing else") {
  const auto net = filled_net<eqsr::tiny>();
  eqsr::Context<Cpu> ctx(2);
  const eqsr::Image image = input_image(10, 10);
  const eqsr::Target target{.height = 70, .width = 70};
  const auto truth = rows_of(ctx, net, image, target);
  ctx.band_height = 10;
  int calls = 0;
  const auto full = [&](Index, Plane<float, 3>) {
    if (++calls == 3) throw eqsr::Error("io_error", "The disk is full.");
  };
  CHECK(error_of([&] { eqsr::upscale_rows(ctx, net, image, target, full); }) ==
        "io_error: The disk is full.");
  CHECK(calls == 3);
  CHECK(same_bits(rows_of(ctx, net, image, target), truth));
}

TEST_CASE("several targets of one image cost one trunk") {
  const auto net = filled_net<memory_config>();
  eqsr::Context<Cpu> ctx(2);
  const eqsr::Image image = input_image(11, 14);
  const std::vector<eqsr::Target> targets{{.scale = 2}, {.scale = 3}, {.height = 40, .width = 31}};
  int trunks = 0;
  ctx.on_progress = [&](double, std::string_view stage) { trunks += stage == "features"; };
  (void)eqsr::upscale(ctx, net, image, targets[0]);
  const int once = std::exchange(trunks, 0);
  const auto results = eqsr::upscale(ctx, net, image, targets);
  CHECK(trunks == once);
  ctx.on_progress = nullptr;

  const float condition = net.condition(11, 14, 22, 28);
  REQUIRE(results.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    eqsr::Target alone = targets[i];
    alone.condition = condition;
    const eqsr::Image expected = eqsr::upscale(ctx, net, image, alone);
    CHECK(results[i].height == expected.height);
    CHECK(same_bits(results[i].pixels, expected.pixels));
  }
  CHECK(eqsr::upscale(ctx, net, image, std::vector<eqsr::Target>{}).empty());
}

TEST_CASE("progress: from 0 to 1, never backwards, both stages") {
  const auto net = filled_net<eqsr::tiny>();
  eqsr::Context<Cpu> ctx(2);
  ctx.band_height = 8;
  std::vector<double> done;
  std::string stages;
  ctx.on_progress = [&](double fraction, std::string_view stage) {
    done.push_back(fraction);
    if (!stages.ends_with(stage)) stages += std::string(stage) + " ";
    if (!stages.empty() && stages.back() == ' ') stages.pop_back();
  };
  (void)eqsr::upscale(ctx, net, input_image(16, 16), {.scale = 4});
  CHECK(stages == "featuresupsamplingdone");
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK(done.front() == 0);
  CHECK(done.back() == 1);
  CHECK(done.size() > 20);
}

namespace {

/// The number of bytes that an error of this budget names as the least that would do, 0 for none.
template <class Work>
std::size_t named_by(eqsr::Context<Cpu>& ctx, std::size_t budget, const Work& work) {
  ctx.max_memory = budget;
  try {
    work();
  } catch (const eqsr::Error& error) {
    REQUIRE(error.code() == "memory_budget");
    const std::string sentence = error.what(), words = "needs at least ";
    return std::stoull(sentence.substr(sentence.find(words) + words.size()));
  }
  return 0;
}

}  // namespace

TEST_CASE("memory: the least budget that an error names is one that works") {
  const auto net = filled_net<memory_config>();
  struct Shape {
    int h, w;
    eqsr::Target target;
  };
  for (const Shape& shape : {Shape{5, 8, {.scale = 2}}, Shape{9, 4, {.height = 7, .width = 23}}}) {
    const eqsr::Image image = input_image(shape.h, shape.w);
    eqsr::Image clear = eqsr::blank_image(shape.h, shape.w, 4);
    for (std::size_t i = 0; i < clear.pixels.size(); ++i) clear.pixels[i] = float(i % 7) / 8;
    const eqsr::Target several[] = {shape.target, {.scale = 1}, {.scale = 4}};
    eqsr::Context<Cpu> ctx(2);
    const std::function<void()> works[] = {
        [&] { (void)eqsr::upscale(ctx, net, image, shape.target); },
        [&] { (void)eqsr::upscale(ctx, net, clear, shape.target, eqsr::Alpha::network); },
        [&] { (void)eqsr::upscale(ctx, net, clear, shape.target, eqsr::Alpha::bicubic); },
        [&] { (void)rows_of(ctx, net, image, shape.target); },
        [&] { (void)eqsr::features_of(ctx, net, image, shape.target); },
        [&] { (void)eqsr::upscale(ctx, net, image, several); }};
    for (const auto& work : works) {
      const std::size_t least = named_by(ctx, 1, work);
      CHECK(least > 0);
      CHECK(named_by(ctx, least - 1, work) == least);
      CHECK(named_by(ctx, least, work) == 0);
    }
  }
}

// With 32 bits it is addresses that are scarce, and a gigabyte of them is taken at once.
TEST_CASE("memory: what a context holds is free for its next picture" *
          doctest::skip(sizeof(void*) == 4)) {
  const auto net = filled_net<eqsr::tiny>();
  eqsr::Context<Cpu> ctx(1);
  constexpr std::size_t held = std::size_t{1} << 30;
  ctx.reserve(held);  // no page of it is taken before it is written, so as much is free as before
  // Other programs take and give memory meanwhile, but hardly a quarter of a gigabyte.
  CHECK(eqsr::detail::budget_of(ctx) > eqsr::free_memory() / 2 + held / 4);
  ctx.max_memory = 1000;
  CHECK(eqsr::detail::budget_of(ctx) == 1000);
}

TEST_CASE("memory: the forms of the weights that a network holds are free for its next picture" *
          doctest::skip(sizeof(void*) == 4)) {
  const auto net = filled_net<eqsr::tiny>();
  eqsr::Context<Cpu> ctx(1);
  const eqsr::Target target{.scale = 2};
  const auto held = [&] { return eqsr::plan_upscale(ctx, net, 8, 8, target).held; };
  const std::size_t forms = eqsr::plan_upscale(ctx, net, 8, 8, target).prepared_bytes;
  CHECK(forms > 0);
  CHECK(held() == 0);
  (void)eqsr::upscale(ctx, net, input_image(8, 8), target);
  CHECK(held() == ctx.arena().capacity() + forms);
  CHECK(eqsr::plan_upscale(ctx, net, 8, 8, target).prepared_bytes == forms);
  ctx.arena().clear();
  CHECK(held() == forms);
  // A half of it, beside the half of what is free.
  constexpr std::size_t large = std::size_t{1} << 30;
  CHECK(eqsr::detail::budget_of(ctx, large) > eqsr::free_memory() / 2 + large / 4);
}
