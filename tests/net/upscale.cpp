// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"
#include "support/sanitized.hpp"
#include "support/stop.hpp"
#include "tiny.hpp"

using namespace eqsr_test;
using eqsr::Cpu;
using eqsr::Size;

namespace {
eqsr::Net<eqsr::tiny, Cpu> tiny_net() {
  eqsr::Net<eqsr::tiny, Cpu> net;
  fill(net);
  return net;
}
bool starts(const std::string& text, const std::string& beginning) {
  return text.starts_with(beginning);
}
}  // namespace

TEST_CASE("upscale: golden") {
  const Golden golden("net/tiny_9x31_to_27x93");
  const auto net = tiny_net();
  eqsr::Context<Cpu> ctx;
  for (const eqsr::Target& target :
       {eqsr::Target{.scale = 3}, eqsr::Target{.scale_y = 3, .scale_x = 2.999},
        eqsr::Target{.height = 27, .width = 93}}) {
    const eqsr::Image result = eqsr::upscale(ctx, net, input_image(9, 31), target);
    CHECK(result.height == 27);
    CHECK(result.width == 93);
    CHECK(result.channels == 3);
    CHECK(near(result.pixels, golden.plane(), 3 * golden.number("pytorch_fp32_max_abs_error"),
               2 * golden.number("pytorch_fp32_rms_error")));
  }
}

TEST_CASE("upscale: the same bits as the network, also with a condition") {
  const auto net = tiny_net();
  eqsr::Context<Cpu> ctx(2);
  const Map<3> x = image_map("input", 7, 9);
  Map<3> y(16, 11);
  net.forward(ctx, x.in(), y.out());
  CHECK(same_bits(eqsr::upscale(ctx, net, input_image(7, 9), {.height = 16, .width = 11}).pixels,
                  y.values));
  net.forward(ctx, x.in(), y.out(), 0.25f);
  CHECK(same_bits(
      eqsr::upscale(ctx, net, input_image(7, 9), {.height = 16, .width = 11, .condition = 0.25f})
          .pixels,
      y.values));
}

TEST_CASE("upscale: sizes of a target") {
  CHECK(eqsr::resolve({.scale = 2}, 3, 5) == Size{6, 10});
  CHECK(eqsr::resolve({.scale = 3.7}, 10, 11) == Size{37, 41});
  CHECK(eqsr::resolve({.scale = 1.5}, 3, 5) == Size{4, 8});  // 4.5 and 7.5: to even
  CHECK(eqsr::resolve({.scale = 0.01}, 10, 200) == Size{1, 2});
  CHECK(eqsr::resolve({.scale_y = 2, .scale_x = 3.5}, 10, 10) == Size{20, 35});
  CHECK(eqsr::resolve({.height = 1080, .width = 1920}, 7, 3) == Size{1080, 1920});
}

TEST_CASE("upscale: senseless targets and images are refused with a reason") {
  const auto refused = [](const eqsr::Target& target) {
    return error_of([&] { (void)eqsr::resolve(target, 10, 20); });
  };
  CHECK(starts(refused({}), "bad_argument: A target needs exactly one of"));
  CHECK(starts(refused({.scale = 2, .height = 5, .width = 5}), "bad_argument: A target needs"));
  CHECK(starts(refused({.scale = -2}), "bad_argument: The scale -2"));
  CHECK(starts(refused({.scale = std::nan("")}), "bad_argument: The scale nan"));
  CHECK(starts(refused({.scale_y = 2}), "bad_argument: The scale 0"));
  CHECK(starts(refused({.height = 5}), "bad_argument: A target of 5 x 0"));
  CHECK(starts(refused({.scale = 1e9}), "limit_exceeded: The scale 1e+09"));
  CHECK(starts(refused({.height = 1 << 25, .width = 1}), "limit_exceeded: A target of"));

  const auto net = tiny_net();
  eqsr::Context<Cpu> ctx(1);
  const auto error = [&](const eqsr::Image& image) {
    return error_of([&] { (void)eqsr::upscale(ctx, net, image, {.scale = 2}); });
  };
  CHECK(starts(error({2, 2, 1, std::vector<float>(4)}), "bad_argument: The image has 1 channels"));
  CHECK(starts(error({2, 2, 3, std::vector<float>(11)}), "bad_argument: The image holds 11"));
  CHECK(starts(error({0, 0, 3, {}}), "bad_argument: The image has 0 x 0"));
  eqsr::Image damaged = input_image(3, 3);
  damaged.pixels[5] = std::numeric_limits<float>::infinity();
  CHECK(starts(error(damaged), "nonfinite_input: "));
}

TEST_CASE("upscale: damaged weights give an error, not a picture") {
  auto net = tiny_net();
  net.conv_first.weight(0, 0, 0, 0) = std::numeric_limits<float>::quiet_NaN();
  eqsr::Context<Cpu> ctx(1);
  CHECK(starts(error_of([&] { (void)eqsr::upscale(ctx, net, input_image(5, 5), {.scale = 2}); }),
               "nonfinite_result: "));
}

TEST_CASE("upscale: progress grows, a stop is obeyed, and everything works afterwards") {
  const auto net = tiny_net();
  eqsr::Context<Cpu> ctx(2);
  double last = 0;
  int calls = 0;
  ctx.on_progress = [&](double done, std::string_view stage) {
    CHECK(done >= last);
    CHECK(done <= 1);
    CHECK(!stage.empty());
    last = done;
    ++calls;
  };
  const auto truth = eqsr::upscale(ctx, net, input_image(9, 9), {.scale = 2}).pixels;
  CHECK(last == 1);
  CHECK(calls >= 4);

  StopSource source;
  ctx.stop = source.get_token();
  ctx.on_progress = [&](double, std::string_view) { source.request_stop(); };
  CHECK(starts(error_of([&] { (void)eqsr::upscale(ctx, net, input_image(9, 9), {.scale = 2}); }),
               "cancelled: The run was cancelled"));
  ctx.stop = {};
  ctx.on_progress = nullptr;
  CHECK(same_bits(eqsr::upscale(ctx, net, input_image(9, 9), {.scale = 2}).pixels, truth));
}

TEST_CASE("upscale: within a memory budget the result has the same bits" *
          doctest::skip(sanitized)) {
  const auto net = tiny_net();
  eqsr::Context<Cpu> ctx(1);
  const eqsr::Target target{.scale = 20};
  const auto planned = [&] { return eqsr::plan_upscale(ctx, net, 12, 9, target); };
  const std::size_t most = planned().bytes;
  const auto truth = eqsr::upscale(ctx, net, input_image(12, 9), target).pixels;
  CHECK(planned().storage == eqsr::Storage::both);
  for (const auto storage : {eqsr::Storage::one, eqsr::Storage::none}) {
    ctx.max_memory = planned().bytes - 1;
    CHECK(planned().storage == storage);
    CHECK(planned().bytes <= ctx.max_memory);
    CHECK(same_bits(eqsr::upscale(ctx, net, input_image(12, 9), target).pixels, truth));
    CHECK(ctx.storage == eqsr::Storage::both);  // the caller's choice is left alone
  }
  ctx.max_memory = planned().bytes - 1;
  CHECK(starts(error_of([&] { (void)eqsr::upscale(ctx, net, input_image(12, 9), target); }),
               "memory_budget: An image of 12 x 9 to 240 x 180 needs at least "));
  ctx.max_memory = most;
  CHECK(planned().storage == eqsr::Storage::both);
}

TEST_CASE("upscale: the plan bounds the memory, and nothing grows beyond it") {
  const auto net = tiny_net();
  eqsr::Context<Cpu> ctx(3);
  const eqsr::UpscalePlan plan = eqsr::plan_upscale(ctx, net, 9, 14, {.scale = 2.5});
  CHECK(plan.size == Size{22, 35});
  const std::size_t images = (9 * 14 + 22 * 35) * 3 * sizeof(float);
  const std::size_t parameters = std::size_t(eqsr::parameter_count(net)) * sizeof(float);
  CHECK(plan.bytes > plan.workspace + images + parameters);  // the packed parameters count
  CHECK(plan.bytes < plan.workspace + images + 2 * parameters);
  CHECK(plan.cost.flops > 1e8);
  (void)eqsr::upscale(ctx, net, input_image(9, 14), {.scale = 2.5});
  CHECK(ctx.arena().peak() <= plan.workspace);
  CHECK(ctx.arena().capacity() <= plan.workspace + ctx.arena().alignment);
}
