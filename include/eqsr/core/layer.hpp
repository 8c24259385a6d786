// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/tensor.hpp>  // Tensor

#include <concepts>          // same_as
#include <cstdint>           // uint64_t
#include <initializer_list>  // initializer_list
#include <string>            // string
#include <vector>            // vector

/// Modules: structs that name their parameters once. Loading, saving, counting and copying follow.
///
///     static void visit(auto& self, auto&& v) { v("weight", self.weight); v("bias", self.bias); }
///
/// Children are visited like tensors; arrays and vectors add their index. The names come out as
/// PyTorch writes them: `layers.0.residual_group.blocks.1.mlp.fc1.weight`.
namespace eqsr::inline EQSR_ABI {

namespace detail {
struct AnyVisitor {
  void operator()(const char*, auto&) const {}
};
template <class T>
inline constexpr bool is_tensor = false;
template <class B, class T, class... Axes>
inline constexpr bool is_tensor<Tensor<B, T, Axes...>> = true;

[[gnu::noinline]] inline std::string joined_name(const std::string& prefix, const char* name) {
  if (prefix.empty() || *name == 0) return prefix + name;
  return prefix + "." + name;
}
}  // namespace detail

template <class M>
concept Module = requires(M& module) {
  std::remove_const_t<M>::visit(module, detail::AnyVisitor{});
};

template <class L, class C, class In, class Out>
concept LayerOn = Module<L> && requires(const L& layer, C& context, In x, Out y) {
  layer.forward(context, x, y);
};

/// Calls `f(name, tensor)` for every parameter of a module, in the order of its `visit`.
template <class M, class F>
void for_each_parameter(M& module, F&& f, const std::string& prefix = "") {
  auto visitor = [&](const char* name, auto& child) {
    using Child = std::remove_const_t<std::remove_reference_t<decltype(child)>>;
    const std::string full = detail::joined_name(prefix, name);
    if constexpr (detail::is_tensor<Child>) {
      f(full, child);
    } else if constexpr (Module<Child>) {
      for_each_parameter(child, f, full);
    } else {
      static_assert(
          requires { child.begin(); },
          "eqsr: visit() was given something that is no tensor, module or list of "
          "modules. Give the member a static visit(self, visitor).");
      std::size_t index = 0;
      for (auto& element : child)
        for_each_parameter(element, f, detail::joined_name(full, std::to_string(index++).c_str()));
    }
  };
  std::remove_const_t<M>::visit(module, visitor);
}

/// The number of scalars in the parameters of a module.
template <class M>
Index parameter_count(const M& module) {
  Index count = 0;
  for_each_parameter(module,
                     [&](const std::string&, const auto& tensor) { count += tensor.size(); });
  return count;
}

/// The shape of a tensor as PyTorch states it.
template <class B, class T, class... Axes>
std::vector<Index> shape_of(const Tensor<B, T, Axes...>& tensor) {
  return {tensor.template extent<Axes::letter>()...};
}

/// A parameter of a module without its type: what files need to know. Valid while the module is
/// neither moved nor destroyed.
struct Parameter {
  std::string name;
  std::vector<Index> shape;
  float* data;  ///< in the memory of the module's backend
  void (*from_host)(void* to, const void* from, std::size_t bytes);

  [[nodiscard]] Index size() const {
    Index product = 1;
    for (const Index extent : shape) product *= extent;
    return product;
  }
};

namespace detail {
[[gnu::noinline]] inline void add_parameter(std::vector<Parameter>& list, const std::string& name,
                                            std::initializer_list<Index> shape, float* data,
                                            void (*from_host)(void*, const void*, std::size_t)) {
  list.push_back({name, shape, data, from_host});
}
template <class B, class... Axes>
void add_tensor(std::vector<Parameter>& list, const std::string& name,
                Tensor<B, float, Axes...>& tensor) {
  add_parameter(list, name, {tensor.template extent<Axes::letter>()...}, tensor.data(),
                &Memory<B>::from_host);
}
}  // namespace detail

/// Lists the parameters of a module. Listing counts as writing to them.
template <class M>
std::vector<Parameter> parameters(M& module) {
  std::vector<Parameter> list;
  for_each_parameter(module, [&](const std::string& name, auto& tensor) {
    detail::add_tensor(list, name, tensor);
  });
  return list;
}

}  // namespace eqsr::inline EQSR_ABI
