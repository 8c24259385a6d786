// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cfenv>
#include <cmath>
#include <limits>

#include "support/contexts.hpp"
#include "support/module.hpp"
#include "tiny.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

namespace {

/// The parameters that `change(i, value)` makes of the synthetic ones; the kernel width stays.
template <class Change>
auto changed_net(const Change& change) {
  eqsr::Net<eqsr::tiny, Cpu> net;
  fill(net);
  eqsr::for_each_parameter(net, [&](const std::string& name, auto& tensor) {
    if (name.ends_with("lengthscale")) return;
    for (eqsr::Index i = 0; i < tensor.size(); ++i) tensor.data()[i] = change(i, tensor.data()[i]);
  });
  return net;
}

std::vector<float> enlarged(const eqsr::Net<eqsr::tiny, Cpu>& net, eqsr::Context<Cpu>& ctx) {
  eqsr::Image image = eqsr::blank_image(13, 10);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = float(i % 17) / 16;
  return eqsr::upscale(ctx, net, image, {.height = 20, .width = 33}).pixels;
}

}  // namespace

TEST_CASE("subnormal parameters count as zero, those next to them do not") {
  const float least = std::numeric_limits<float>::min();
  CHECK(eqsr::flushed(least) == least);
  CHECK(eqsr::flushed(-least) == -least);
  CHECK(eqsr::flushed(std::nextafter(least, 0.0f)) == 0);
  CHECK(eqsr::flushed(-std::numeric_limits<float>::denorm_min()) == 0);
  CHECK(std::signbit(eqsr::flushed(-0.0f)));
  CHECK(eqsr::flushed(-1.5f) == -1.5f);

  eqsr::Context<Cpu> two(2);
  const auto small = [](eqsr::Index i, float value) {
    return i % 3 == 0 ? std::copysign(i % 2 ? 1e-40f : 1e-44f, value) : value;
  };
  const auto none = [](eqsr::Index i, float value) {
    return i % 3 == 0 ? std::copysign(0.0f, value) : value;
  };
  CHECK(enlarged(changed_net(small), two) == enlarged(changed_net(none), two));
  const auto all = [](eqsr::Index, float) { return 1e-41f; };
  const auto nothing = [](eqsr::Index, float) { return 0.0f; };
  CHECK(enlarged(changed_net(all), two) == enlarged(changed_net(nothing), two));
}

#ifdef FE_UNDERFLOW
TEST_CASE("nothing becomes subnormal on the way, which slows many processors down") {
  eqsr::Net<eqsr::tiny, Cpu> net;
  fill(net);
  for (int isa = int(eqsr::lowest_isa); isa <= int(eqsr::best_isa()); ++isa) {
    INFO(eqsr::isa_name(eqsr::Isa(isa)));
    eqsr::Context<Cpu> ctx(1);  // of this thread, whose flags are asked
    ctx.use(eqsr::Isa(isa));
    enlarged(net, ctx);  // weights are packed in double
    std::feclearexcept(FE_ALL_EXCEPT);
    enlarged(net, ctx);
    CHECK(std::fetestexcept(FE_UNDERFLOW) == 0);
  }
}
#endif
