// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/core/layer.hpp>

#include <array>

using eqsr::Axis;
using eqsr::Cpu;
using eqsr::Index;

namespace {
struct Leaf {
  eqsr::Tensor<Cpu, float, Axis<'o', 2>, Axis<'c', 3>> weight;
  eqsr::Tensor<Cpu, float, Axis<'o', 2>> bias;
  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
  }
};
struct Tree {
  Leaf first;
  std::vector<Leaf> list = std::vector<Leaf>(2);
  std::array<Leaf, 1> array;
  Leaf inlined;
  eqsr::Tensor<Cpu, float> scale;
  static void visit(auto& self, auto&& v) {
    v("first", self.first);
    v("list", self.list);
    v("array.of", self.array);
    v("", self.inlined);
    v("scale", self.scale);
  }
};
static_assert(eqsr::Module<Leaf> && eqsr::Module<Tree> && eqsr::Module<const Tree>);
static_assert(!eqsr::Module<int> && !eqsr::Module<std::vector<Leaf>>);
}  // namespace

TEST_CASE("layer: parameters come in order, with the names of PyTorch") {
  Tree tree;
  std::string names;
  eqsr::for_each_parameter(tree, [&](const std::string& name, auto&) { names += name + " "; });
  CHECK(names ==
        "first.weight first.bias list.0.weight list.0.bias list.1.weight list.1.bias "
        "array.of.0.weight array.of.0.bias weight bias scale ");
  names.clear();
  eqsr::for_each_parameter(
      tree.first, [&](const std::string& name, auto&) { names += name + " "; }, "a.b");
  CHECK(names == "a.b.weight a.b.bias ");
}

TEST_CASE("layer: counts and shapes") {
  const Tree tree;
  CHECK(eqsr::parameter_count(tree) == 5 * 8 + 1);
  CHECK(eqsr::shape_of(tree.first.weight) == std::vector<Index>{2, 3});
  CHECK(eqsr::shape_of(tree.scale).empty());
}

TEST_CASE("layer: a constant module gives constant tensors, another can be written") {
  Tree tree;
  eqsr::for_each_parameter(std::as_const(tree), [](const std::string&, auto& tensor) {
    static_assert(std::is_const_v<std::remove_reference_t<decltype(tensor)>>);
  });
  eqsr::for_each_parameter(tree, [](const std::string&, auto& tensor) { *tensor.data() = 2; });
  CHECK(std::as_const(tree).list[1].weight(0, 0) == 2);
  CHECK(std::as_const(tree).scale() == 2);
}
