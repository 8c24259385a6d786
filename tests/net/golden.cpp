// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/golden.hpp"
#include "support/sanitized.hpp"
#include "tiny.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

/// Whole networks against results in double. float32 arithmetic of another order than PyTorch's
/// may be as far from them as PyTorch's own was, with a little room for luck.
namespace {
template <eqsr::Config config, class Ctx>
void compare_golden(const std::string& name) {
  CAPTURE(name);
  const Golden golden("net/" + name);
  const auto lr = golden.numbers("lr"), target = golden.numbers("target");
  eqsr::Net<config, Cpu> net;
  fill(net, "", golden.text("salt"));
  const Map<3> x = image_map(golden.text("input"), lr.at(0), lr.at(1));
  Map<3> y(target.at(0), target.at(1));
  Ctx ctx;
  net.forward(ctx, x.in(), y.out());
  CHECK(near(y.values, golden.plane(), 3 * golden.number("pytorch_fp32_max_abs_error"),
             2 * golden.number("pytorch_fp32_rms_error")));
}
}  // namespace

TEST_CASE("net: golden, tiny") {
  for (const char* name : {"tiny_8x8_to_12x12", "tiny_17x24_to_17x40", "tiny_20x28_to_53x61"})
    compare_golden<eqsr::tiny, eqsr::Context<Cpu>>(name);
}

TEST_CASE("net: golden, tiny, larger") {
  for (const char* name : {"tiny_16x16_to_64x64", "tiny_9x31_to_27x93", "tiny_12x20_to_96x160"})
    compare_golden<eqsr::tiny, eqsr::Context<Cpu>>(name);
}

TEST_CASE("net: golden, tiny, by the specification") {
  for (const char* name : {"tiny_8x8_to_12x12", "tiny_17x24_to_17x40"})
    compare_golden<eqsr::tiny, eqsr::Context<eqsr::Reference>>(name);
}

TEST_CASE("net: golden, base" * doctest::skip(sanitized)) {
  for (const char* name : {"full_33x18_to_50x27", "full_20x28_to_53x61", "full_48x48_to_96x96"})
    compare_golden<eqsr::base, eqsr::Context<Cpu>>(name);
}

TEST_CASE_TEMPLATE("net: golden taps inside the trunk", Ctx, EQSR_CONTEXTS) {
  constexpr Index h = 24, w = 32;  // 20 x 28 padded to multiples of the window
  const Golden golden("net/tiny_20x28_to_53x61");
  eqsr::Net<eqsr::tiny, Cpu> net;
  fill(net);
  const Map<3> x = image_map(golden.text("input"), 20, 28);
  Ctx ctx;

  Map<3> image(h, w);
  eqsr::launch<eqsr::op::ReflectPad>(ctx, x.in(), image.out());
  for (Index m = 0; m < h * w; ++m)
    for (int c = 0; c < 3; ++c) image(0, m, c) -= eqsr::image_mean[std::size_t(c)];
  Map<24> f0(h, w), a(h, w), b(h, w), after(h, w);
  net.conv_first.forward(ctx, image.in(), f0.out());
  CHECK(near(f0.values, golden.plane("tap.conv_first"), operator_tolerance));

  const Map<1> t(1, 1, {float(2.0 / 53)});
  Map<81> style(1, 1);
  eqsr::launch<eqsr::op::FrequencyEncoding>(ctx, t.in_rows(), net.encoding, style.out_rows());
  net.patch_norm.forward(ctx, f0.in_rows(), a.out_rows());
  net.groups[0].forward(ctx, a.in(), style.in_channels(), b.out());
  CHECK(near(b.values, golden.tokens("tap.layers.0"), operator_tolerance));
  net.groups[1].forward(ctx, b.in(), style.in_channels(), a.out());
  CHECK(near(a.values, golden.tokens("tap.layers.1"), 2 * operator_tolerance));

  net.norm.forward(ctx, a.in_rows(), a.out_rows());
  net.conv_after_body.forward(ctx, a.in(), after.out());
  CHECK(near(after.values, golden.plane("tap.conv_after_body"), operator_tolerance));

  // The network's own trunk ends with the same numbers, plus f0 and cropped.
  Map<24> features(20, 28), expected(20, 28);
  net.features(ctx, x.in(), float(2.0 / 53), features.out());
  for (Index y = 0; y < 20; ++y)
    for (Index column = 0; column < 28; ++column)
      for (int c = 0; c < 24; ++c) expected(y, column, c) = after(y, column, c) + f0(y, column, c);
  CHECK(near(features.values, expected.values, 2e-6));
}
