// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/contexts.hpp"
#include "support/module.hpp"

using namespace eqsr_test;
namespace op = eqsr::op;

TEST_CASE_TEMPLATE("channel: mean, scale, shift and fill by hand", Ctx, EQSR_CONTEXTS) {
  const Map<2> x(2, 2, {1, 10, 2, 20, 3, 30, 6, 60});
  Map<2> y(2, 2);
  Ctx ctx;
  SUBCASE("mean") {
    Map<2> mean(1, 1);
    eqsr::launch<op::ChannelMean>(ctx, x.in(), mean.out_channels());
    CHECK(mean.values == std::vector<float>{3, 30});
  }
  SUBCASE("scale") {
    const Map<2> gate(1, 1, {2, -1});
    eqsr::launch<op::ChannelScale>(ctx, x.in_rows(), gate.in_channels(), y.out_rows(),
                                   eqsr::Rows<const float, 2>());
    CHECK(y.values == std::vector<float>{2, -10, 4, -20, 6, -30, 12, -60});
    eqsr::launch<op::ChannelScale>(ctx, x.in_rows(), gate.in_channels(), y.out_rows(), y.in_rows());
    CHECK(y.values == std::vector<float>{4, -20, 8, -40, 12, -60, 24, -120});
  }
  SUBCASE("shift") {
    y = x;
    eqsr::launch<op::ChannelShift>(ctx, y.in_rows(), std::array{1.0f, -10.0f}, y.out_rows());
    CHECK(y.values == std::vector<float>{2, 0, 3, 10, 4, 20, 7, 50});
  }
  SUBCASE("fill") {
    eqsr::launch<op::ChannelFill>(ctx, std::array{0.5f, 4.0f}, y.out_rows());
    CHECK(y.values == std::vector<float>{0.5f, 4, 0.5f, 4, 0.5f, 4, 0.5f, 4});
  }
}

namespace {
template <int C>
void compare_channel() {
  CAPTURE(C);
  constexpr Index sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {9, 33}, {33, 8}, {64, 5}};
  for (const auto& size : sizes) {
    const Index h = size[0], w = size[1];
    CAPTURE(h);
    CAPTURE(w);
    const Map<C> x(h, w, "channel.x"), r(h, w, "channel.r"), gate(1, 1, "channel.gate");
    CHECK(on_cpu(
        [&](auto& ctx) {
          Map<C> mean(1, 1);
          eqsr::launch<op::ChannelMean>(ctx, x.in(), mean.out_channels());
          return mean.values;
        },
        0));  // the order of the sum is part of the contract
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y = r;
      eqsr::launch<op::ChannelScale>(ctx, x.in_rows(), gate.in_channels(), y.out_rows(),
                                     y.in_rows());
      return y.values;
    }));
    std::array<float, C> shift;
    for (int c = 0; c < C; ++c) shift[std::size_t(c)] = gate.values[std::size_t(c)];
    CHECK(on_cpu([&](auto& ctx) {
      Map<C> y(r.h, r.w);
      eqsr::launch<op::ChannelShift>(ctx, x.in_rows(), shift, y.out_rows());
      return y.values;
    }));
  }
}
}  // namespace

TEST_CASE("channel: the CPU agrees at awkward sizes") {
  compare_channel<1>();
  compare_channel<3>();
  compare_channel<10>();
  compare_channel<24>();
  compare_channel<180>();
  compare_channel<256>();
}
