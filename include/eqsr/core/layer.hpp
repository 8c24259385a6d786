// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/tensor.hpp>  // Tensor

#include <initializer_list>  // initializer_list
#include <string>            // string
#include <utility>           // move
#include <vector>            // vector

/// Modules: structs that name their parameters once. Loading, saving, counting and copying follow.
///
///     static void visit(auto& self, auto&& v) { v("weight", self.weight); v("bias", self.bias); }
///
/// Children are visited like tensors; arrays and vectors add their index. The names come out as
/// PyTorch writes them: `layers.0.residual_group.blocks.1.mlp.fc1.weight`.
namespace eqsr { inline namespace EQSR_ABI {

namespace detail {
struct AnyVisitor {
  void operator()(const char*, auto&) const {}
};
template <class T>
inline constexpr bool is_tensor = false;
template <class B, class T, class... Axes>
inline constexpr bool is_tensor<Tensor<B, T, Axes...>> = true;

/// The name of what is being visited, with dots between its parts. An empty part adds nothing.
class DottedName {
 public:
  explicit DottedName(std::string prefix) : text_(std::move(prefix)) {}
  [[nodiscard]] const std::string& text() const { return text_; }

  /// Adds a part; the result takes it away again.
  [[gnu::noinline]] std::size_t enter(const char* part) {
    const std::size_t before = text_.size();
    if (before > 0 && *part != 0) text_ += '.';
    text_ += part;
    return before;
  }
  [[gnu::noinline]] std::size_t enter(std::size_t index) {
    return enter(std::to_string(index).c_str());
  }
  [[gnu::noinline]] void leave(std::size_t before) { text_.resize(before); }

 private:
  std::string text_;
};
}  // namespace detail

template <class M>
concept Module = requires(M& module) {
  std::remove_const_t<M>::visit(module, detail::AnyVisitor{});
};

template <class L, class C, class In, class Out>
concept LayerOn = Module<L> && requires(const L& layer, C& context, In x, Out y) {
  layer.forward(context, x, y);
};

namespace detail {

/// Walks through a module: `tensor(tensor)` at each tensor, `enter` and `leave` around each name.
template <class Walk, class Child>
void visit_child(Walk& walk, Child& child) {
  using Type = std::remove_const_t<Child>;
  if constexpr (is_tensor<Type>) {
    walk.tensor(child);
  } else if constexpr (Module<Type>) {
    Type::visit(child, walk);
  } else {
    static_assert(
        requires { child.begin(); },
        "eqsr: visit() was given something that is no tensor, module or list of "
        "modules. Give the member a static visit(self, visitor).");
    std::size_t index = 0;
    for (auto& element : child) {
      const std::size_t mark = walk.enter(index++);
      visit_child(walk, element);
      walk.leave(mark);
    }
  }
}

/// Calls `f(name, tensor)`.
template <class F>
struct NamedWalk : DottedName {
  F& f;
  NamedWalk(F& function, std::string prefix) : DottedName(std::move(prefix)), f(function) {}
  [[gnu::cold]] void tensor(auto& tensor) { f(text(), tensor); }
  [[gnu::cold]] void operator()(const char* name, auto& child) {
    const std::size_t mark = enter(name);
    visit_child(*this, child);
    leave(mark);
  }
};

/// Counts scalars; names do not matter.
struct CountingWalk {
  Index count = 0;
  void tensor(const auto& tensor) { count += tensor.size(); }
  static std::size_t enter(std::size_t) { return 0; }
  static void leave(std::size_t) {}
  void operator()(const char*, const auto& child) { visit_child(*this, child); }
};

}  // namespace detail

/// Calls `f(name, tensor)` for every parameter of a module, in the order of its `visit`.
template <class M, class F>
void for_each_parameter(M& module, F&& f, std::string prefix = "") {
  std::remove_const_t<M>::visit(module, detail::NamedWalk<F>(f, std::move(prefix)));
}

/// The number of scalars in the parameters of a module.
template <class M>
Index parameter_count(const M& module) {
  detail::CountingWalk walk;
  M::visit(module, walk);
  return walk.count;
}

/// The shape of a tensor as PyTorch states it.
template <class B, class T, class... Axes>
std::vector<Index> shape_of(const Tensor<B, T, Axes...>& tensor) {
  return {extent<Axes::letter>(tensor)...};
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
  add_parameter(list, name, {extent<Axes::letter>(tensor)...}, tensor.data(),
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

}}  // namespace eqsr::EQSR_ABI
