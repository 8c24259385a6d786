// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/net/eqsr.hpp>

#include <map>

#include "tiny.hpp"

using eqsr::Cpu;

TEST_CASE("config: the published network has 13 619 510 parameters") {
  const eqsr::Net<eqsr::base, Cpu> net;
  CHECK(eqsr::parameter_count(net) == 13'619'510);
  CHECK(eqsr::parameter_count(net.upsampler) == 1'212'110);
  CHECK(net.groups.size() == 6);
}

TEST_CASE("config: the tiny network has 1 233 192 parameters") {
  const eqsr::Net<eqsr::tiny, Cpu> net;
  CHECK(eqsr::parameter_count(net) == 1'233'192);
  CHECK(eqsr::parameter_count(net.upsampler) == 1'172'174);
}

TEST_CASE("config: derived numbers") {
  CHECK(eqsr::base.groups() == 6);
  CHECK(eqsr::base.key_window() == 24);
  CHECK(eqsr::base.mlp_hidden() == 360);
  CHECK(eqsr::base.squeeze_hidden() == 45);
  CHECK(eqsr::base.encoded() == 81);
  CHECK(eqsr::tiny.groups() == 2);
  CHECK(eqsr::tiny.key_window() == 12);
  CHECK(eqsr::Config{.depths = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}.groups() == 12);
}

TEST_CASE("config: parameters have the names of the checkpoints") {
  const eqsr::Net<eqsr::tiny, Cpu> net;
  std::map<std::string, std::vector<eqsr::Index>> shapes;
  eqsr::for_each_parameter(net, [&](const std::string& name, const auto& tensor) {
    CHECK(shapes.emplace(name, eqsr::shape_of(tensor)).second);
  });
  using Shape = std::vector<eqsr::Index>;
  const auto shape = [&](const std::string& name) {
    const auto found = shapes.find(name);
    return found == shapes.end() ? Shape{-1} : found->second;
  };
  CHECK(shape("conv_first.weight") == Shape{24, 3, 3, 3});
  CHECK(shape("patch_embed.norm.bias") == Shape{24});
  CHECK(shape("layers.1.conv.weight") == Shape{24, 24, 3, 3});
  CHECK(shape("layers.0.residual_group.mbconv.net2.to_style.weight") == Shape{24, 81});
  CHECK(shape("layers.0.residual_group.mbconv.net3.0.gate.1.weight") == Shape{6, 24});
  CHECK(shape("layers.0.residual_group.blocks.1.attn.relative_position_bias_table") ==
        Shape{225, 2});
  CHECK(shape("layers.0.residual_group.blocks.2.norm1.weight") == Shape{-1});
  CHECK(shape("layers.1.residual_group.overlap_attn.relative_position_bias_table") ==
        Shape{361, 2});
  CHECK(shape("layers.1.residual_group.overlap_attn.qkv.weight") == Shape{72, 24});
  CHECK(shape("layers.1.residual_group.overlap_attn.mlp.fc2.weight") == Shape{24, 48});
  CHECK(shape("norm.weight") == Shape{24});
  CHECK(shape("conv_after_body.bias") == Shape{24});
  CHECK(shape("upsample.head.0.weight") == Shape{256, 186, 1, 1});
  CHECK(shape("upsample.rbf1.lengthscale").empty());
  CHECK(shape("upsample.inv1.norm1.body.weight") == Shape{256});
  CHECK(shape("upsample.inv2.attn.seblock.2.weight") == Shape{288, 64, 1, 1});
  CHECK(shape("upsample.inv2.ffn.CA.conv.weight") == Shape{1, 1, 5});
  CHECK(shape("upsample.to_rgb.1.weight") == Shape{3, 256, 1, 1});
}

TEST_CASE("config: the condition of the trunk") {
  using Published = eqsr::Net<eqsr::tiny, Cpu>;
  CHECK(Published::condition(20, 28, 53, 61) == float(2.0 / 53));
  constexpr auto by_scale = [] {
    eqsr::Config config = eqsr::tiny;
    config.conditioning = eqsr::Conditioning::scale;
    return config;
  }();
  using Ours = eqsr::Net<by_scale, Cpu>;
  CHECK(Ours::condition(48, 48, 96, 96) == float(2.0 / 96));
  CHECK(Ours::condition(10, 20, 20, 160) == float(2.0 / 192));  // sqrt(2 * 8) = 4
  CHECK(Ours::condition(480, 20, 960, 40) == Ours::condition(48, 48, 96, 96));
}
