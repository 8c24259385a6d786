// SPDX-License-Identifier: Apache-2.0
// The trunk of another paper from the layers of the library (examples/edsr.hpp).
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "../../examples/edsr.hpp"
#include "support/contexts.hpp"
#include "support/golden.hpp"

using namespace eqsr_test;
using eqsr::Cpu;

namespace {
edsr::Trunk<Cpu> trunk() {
  edsr::Trunk<Cpu> trunk;
  fill(trunk);
  set(trunk.sub_mean.weight, {1, 0, 0, 0, 1, 0, 0, 0, 1});
  const auto& mean = eqsr::image_mean;
  set(trunk.sub_mean.bias, {-255 * mean[0], -255 * mean[1], -255 * mean[2]});
  return trunk;
}
/// `name [shape] name [shape] ...` without the names that start with one of `left_out`.
std::string without(const std::string& list, std::initializer_list<const char*> left_out) {
  std::istringstream words(list);
  std::string kept, name, shape;
  while (words >> name >> shape) {
    bool keep = true;
    for (const char* start : left_out) keep = keep && !name.starts_with(start);
    if (keep) kept += (kept.empty() ? "" : " ") + name + " " + shape;
  }
  return kept;
}
}  // namespace

TEST_CASE("edsr: names and shapes are those of the published state dict") {
  const Golden golden("net/edsr_baseline_16x20");
  const std::string published = golden.text("state_dict");
  CHECK(parameter_list(trunk()) == without(published, {"add_mean.", "tail."}));
  CHECK(published.find("tail.0.0.weight [256,64,3,3]") != std::string::npos);
}

TEST_CASE("edsr: the trunk's features are PyTorch's") {
  const Golden golden("net/edsr_baseline_16x20");
  const auto lr = golden.numbers("lr");
  const auto net = trunk();
  const Map<3> x = image_map(golden.text("input"), lr.at(0), lr.at(1));
  Map<edsr::channels> f(lr.at(0), lr.at(1));
  eqsr::Context<Cpu> ctx;
  net.forward(ctx, x.in(), f.out());
  const auto truth = golden.plane();
  CHECK(near(f.values, truth, 3 * golden.number("pytorch_fp32_max_abs_error")));
  const float largest = *std::max_element(truth.begin(), truth.end());
  CHECK(3 * golden.number("pytorch_fp32_max_abs_error") < 1e-4 * largest);
}

TEST_CASE("edsr: a state dict with its own upsampler is taken, a strange one is not") {
  const auto net = trunk();
  eqsr::StateDict dict = eqsr::state_dict_of(net);
  dict.insert("tail.1.bias", {3}, {1, 2, 3});
  dict.insert("add_mean.bias", {3}, {1, 2, 3});
  edsr::Trunk<Cpu> loaded;
  edsr::load_trunk(loaded, dict);
  CHECK(loaded.body[15].second.weight(63, 63, 2, 2) == net.body[15].second.weight(63, 63, 2, 2));
  CHECK(loaded.last.bias(7) == net.last.bias(7));
  dict.insert("body.17.bias", {3}, {1, 2, 3});
  CHECK(error_of([&] { edsr::load_trunk(loaded, dict); }).starts_with("unexpected_tensor: "));
}

TEST_CASE("edsr: a network for any scale, told the scale") {
  edsr::Network<Cpu> net;
  fill(net);
  CHECK(net.condition(10, 20, 20, 80) == doctest::Approx(1 / std::sqrt(8.0)));
  eqsr::Context<Cpu> ctx(2);
  const eqsr::Image image{6, 7, 3, image_map("input", 6, 7).values};
  const eqsr::Target target{.height = 9, .width = 17};
  const auto plan = eqsr::plan_upscale(ctx, net, 6, 7, target);
  const auto result = eqsr::upscale(ctx, net, image, target);
  CHECK(ctx.arena().peak() <= plan.workspace);

  // By hand: trunk, extractor, upsampler, interpolation.
  const Map<3> x(6, 7, image.pixels);
  Map<edsr::channels> deep(6, 7), told(6, 7);
  Map<edsr::encoded> style(1, 1);
  Map<3> y(9, 17);
  const Map<1> t(1, 1, {net.condition(6, 7, 9, 17)});
  net.backbone.edsr.forward(ctx, x.in(), deep.out());
  eqsr::launch<eqsr::op::FrequencyEncoding>(ctx, t.in_rows(), eqsr::Encoding::division,
                                            style.out_rows());
  net.backbone.extractor.forward(ctx, deep.in(), style.in_channels(), told.out());
  net.upsampler.forward(ctx, told.in(), y.out());
  eqsr::launch<eqsr::op::Bicubic>(ctx, x.in(), y.out(), Index{0}, Index{9});
  CHECK(same_bits(result.pixels, y.values));
}
