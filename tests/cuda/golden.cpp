// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "cuda/contexts.hpp"
#include "support/golden.hpp"
#include "tiny.hpp"

using namespace eqsr_test;

/// Whole networks against results in double, in each mode: float32 within the bounds of the CPU
/// backend, bf16x3 within 1e-4, bf16 with a root-mean-square error below 1 % of the result's
/// standard deviation. On the emulation the modes that use tensor cores run on both of their
/// models.
namespace {
template <eqsr::Config config>
void compare_golden(const std::string& name) {
  CAPTURE(name);
  const Golden golden("net/" + name);
  const auto lr = golden.numbers("lr"), target = golden.numbers("target");
  eqsr::Net<config, Cuda> net;
  fill(net, "", golden.text("salt"));
  const Map<3> x = image_map(golden.text("input"), lr.at(0), lr.at(1));
  const auto truth = golden.plane();
  const auto run = [&](Precision precision) {
    CAPTURE(int(precision));
    eqsr::Context<Cuda> ctx(0, precision);
    Arrays<Cuda> arrays;
    const auto y = arrays.out<3>(target.at(0), target.at(1));
    const eqsr::Plan plan = eqsr::plan(ctx, net, arrays.in(x), y);
    ctx.reserve(plan.workspace);
    net.forward(ctx, arrays.in(x), y);
    ctx.sync();
    CHECK(plan.workspace == ctx.arena().peak() + eqsr::arena_alignment);
    const auto result = arrays.get(y);
    if (precision == Precision::float32)
      CHECK(near(result, truth, 3 * golden.number("pytorch_fp32_max_abs_error"),
                 2 * golden.number("pytorch_fp32_rms_error")));
    else if (precision == Precision::bf16x3)
      CHECK(near(result, truth, 1e-4));
    else
      CHECK(near(result, truth, 1e9, 0.01 * golden.number("std")));
  };
  for (const Precision precision : every_precision) run(precision);
#if !defined(__CUDACC__)
  tensor_core = ampere;
  for (const Precision precision : {Precision::bf16x3, Precision::bf16}) run(precision);
  tensor_core = hopper;
#endif
}
}  // namespace

TEST_CASE("cuda net: golden, tiny") {
  compare_golden<eqsr::tiny>("tiny_8x8_to_12x12");
#if defined(__CUDACC__)  // larger than the emulation has patience for
  for (const char* name : {"tiny_17x24_to_17x40", "tiny_16x16_to_64x64", "tiny_9x31_to_27x93",
                           "tiny_20x28_to_53x61", "tiny_12x20_to_96x160"})
    compare_golden<eqsr::tiny>(name);
  for (const char* name : {"full_33x18_to_50x27", "full_20x28_to_53x61", "full_48x48_to_96x96"})
    compare_golden<eqsr::base>(name);
#endif
}
