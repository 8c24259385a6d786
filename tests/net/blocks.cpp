// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"
#include "tiny.hpp"

using namespace eqsr_test;
using eqsr::Cpu;
using eqsr::tiny;

TEST_CASE_TEMPLATE("hybrid attention block: golden, plain and shifted", Ctx, EQSR_CONTEXTS) {
  for (const int shift : {0, 4}) {
    CAPTURE(shift);
    const Golden golden("ops/hab_shift" + std::to_string(shift));
    eqsr::HybridBlock<tiny, Cpu> block;
    block.shift = shift;
    fill(block, golden.text("prefix"));
    Map<24> x(16, 24, golden.text("input"));
    Ctx ctx;
    block.forward(ctx, x.out());
    CHECK(near(x.values, golden.tokens(), operator_tolerance));
  }
}

TEST_CASE_TEMPLATE("overlapping cross-attention block: golden", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/ocab");
  eqsr::OverlapBlock<tiny, Cpu> block;
  fill(block, golden.text("prefix"));
  Map<24> x(16, 24, golden.text("input"));
  Ctx ctx;
  block.forward(ctx, x.out());
  CHECK(near(x.values, golden.tokens(), operator_tolerance));
}

TEST_CASE_TEMPLATE("residual group: golden", Ctx, EQSR_CONTEXTS) {
  const Golden golden("ops/rhag");
  eqsr::Group<tiny, Cpu> group(3);
  fill(group, golden.text("prefix"));
  const Map<24> x(16, 24, golden.text("input"));
  const Map<81> style = golden_style(golden);
  Map<24> y(16, 24);
  Ctx ctx;
  group.forward(ctx, x.in(), style.in_channels(), y.out());
  CHECK(near(y.values, golden.tokens(), operator_tolerance));
}

TEST_CASE("residual group: every second block is shifted by half a window") {
  const eqsr::Group<eqsr::base, Cpu> group(5);
  REQUIRE(group.blocks.size() == 4);
  CHECK(group.blocks[0].shift == 0);
  CHECK(group.blocks[1].shift == 8);
  CHECK(group.blocks[2].shift == 0);
  CHECK(group.blocks[3].shift == 8);
}

namespace {
constexpr eqsr::Config awkward{.channels = 30,
                               .depths = {4},
                               .heads = 3,
                               .window = 6,
                               .overlap_ratio = 1,
                               .mlp_ratio = 1.5,
                               .squeeze_ratio = 0.1,
                               .latent = 8,
                               .frequencies = 3};
}

TEST_CASE("residual group: the CPU agrees for an odd configuration") {
  eqsr::Group<awkward, Cpu> group(4);
  fill(group, "group.");
  const Map<7> style(1, 1, "group.style");
  for (const Index windows : {1, 2, 3}) {
    const Map<30> x(6 * windows, 6, "group.input");
    CHECK(on_cpu([&](auto& ctx) {
      Map<30> y(x.h, x.w);
      group.forward(ctx, x.in(), style.in_channels(), y.out());
      return y.values;
    }));
  }
}
