// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/backend.hpp>      // Reference, Cpu
#include <eqsr/core/free_memory.hpp>  // free_memory
#include <eqsr/core/view.hpp>         // View

#include <algorithm>  // copy_n, max
#include <atomic>     // atomic
#include <cstddef>    // byte
#include <cstdint>    // uint64_t
#include <cstring>    // memset
#include <new>        // align_val_t
#include <utility>    // exchange, swap

namespace eqsr::inline EQSR_ABI {

/// Where the tensors of a backend live. The primary template is host memory on cache lines.
template <class B>
struct Memory {
  static constexpr std::size_t alignment = 64;

  [[gnu::noinline]] static void* allocate(std::size_t bytes) {
    void* memory = ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
    EQSR_EXPECTS(memory != nullptr, "out_of_memory", "An allocation of ", bytes,
                 " bytes failed. Free memory, or use a smaller image or memory budget.");
    return memory;
  }
  [[gnu::noinline]] static void deallocate(void* memory) noexcept {
    ::operator delete (memory, std::align_val_t{alignment});
  }
  /// Bytes that may still be allocated.
  static std::size_t available() { return free_memory(); }
  static void zero(void* to, std::size_t bytes) { std::memset(to, 0, bytes); }
  static void from_host(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
  static void to_host(void* to, const void* from, std::size_t bytes) { copy(to, from, bytes); }
  /// No bytes may come from and go to a null pointer, which memcpy forbids.
  static void copy(void* to, const void* from, std::size_t bytes) {
    std::copy_n(static_cast<const std::byte*>(from), bytes, static_cast<std::byte*>(to));
  }
};

namespace detail {
[[gnu::noinline]] inline std::uint64_t fresh_stamp() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}
template <class B>
[[gnu::noinline]] void* allocate_zero(std::size_t bytes) {
  void* memory = Memory<B>::allocate(bytes > 0 ? bytes : 1);
  try {
    Memory<B>::zero(memory, bytes);
  } catch (...) {  // a device can fail
    Memory<B>::deallocate(memory);
    throw;
  }
  return memory;
}
}  // namespace detail

/// An owned array with lettered axes in the memory of backend `B`. Zero when constructed.
///
/// Every mutable access gives it a new `stamp()`: forms derived from a parameter (packed weights)
/// remember the stamp that they were made from, and are remade when it has changed. Take the view
/// again for every round of writing; a view kept across a forward pass is not noticed.
template <class B, class T, class... Axes>
class Tensor {
 public:
  using view_type = View<T, Axes...>;
  using const_view_type = View<const T, Axes...>;

  Tensor() requires(view_type::dynamic_rank == 0) : Tensor(view_type(nullptr)) {}

  template <class... Extents>
  requires(sizeof...(Extents) == view_type::dynamic_rank &&
           view_type::dynamic_rank > 0) explicit Tensor(Extents... extents)
      : Tensor(view_type(nullptr, extents...)) {}

  Tensor(const Tensor& other) : Tensor(other.view_) { copy_from(other); }
  Tensor(Tensor&& other) noexcept
      : view_(std::exchange(other.view_, view_type())), stamp_(detail::fresh_stamp()) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(view_, other.view_);
    stamp_ = detail::fresh_stamp();
    return *this;
  }
  ~Tensor() { Memory<B>::deallocate(const_cast<std::remove_const_t<T>*>(view_.data())); }

  [[nodiscard]] const_view_type view() const { return view_; }
  [[nodiscard]] view_type view() {
    stamp_ = detail::fresh_stamp();
    return view_;
  }
  template <class... Indices>
  const T& operator()(Indices... indices) const {
    return view_(indices...);
  }
  template <class... Indices>
  T& operator()(Indices... indices) {
    stamp_ = detail::fresh_stamp();
    return view_(indices...);
  }
  [[nodiscard]] const T* data() const { return view_.data(); }
  [[nodiscard]] T* data() { return view().data(); }
  [[nodiscard]] Index size() const { return view_.size(); }
  template <char Letter>
  [[nodiscard]] Index extent() const {
    return view_.template extent<Letter>();
  }
  [[nodiscard]] std::uint64_t stamp() const { return stamp_; }

  void copy_from_host(const T* from) { Memory<B>::from_host(data(), from, bytes()); }
  void copy_to_host(T* to) const { Memory<B>::to_host(to, data(), bytes()); }

 private:
  explicit Tensor(view_type shape) : stamp_(detail::fresh_stamp()) {
    const auto count = static_cast<std::size_t>(shape.size());
    T* memory = static_cast<T*>(detail::allocate_zero<B>(count * sizeof(T)));
    view_ = with_data(shape, memory, std::make_integer_sequence<int, view_type::dynamic_rank>{});
  }
  template <int... Slots>
  static view_type with_data(view_type shape, T* memory, std::integer_sequence<int, Slots...>) {
    std::array<Index, sizeof...(Slots) + 1> extents{};
    int next = 0;
    for (int axis = 0; axis < view_type::rank; ++axis)
      if (view_type::sizes[axis] == dynamic) extents[next++] = shape.extent_at(axis);
    return view_type(memory, extents[Slots]...);
  }
  void copy_from(const Tensor& other) {
    Memory<B>::copy(view_.data(), other.view_.data(), bytes());
  }
  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(view_.size()) * sizeof(T);
  }

  view_type view_;
  std::uint64_t stamp_;
};

/// The newest stamp of several tensors; it changes whenever one of them is written.
template <class... Tensors>
std::uint64_t newest_stamp(const Tensors&... tensors) {
  return std::max({tensors.stamp()...});
}

}  // namespace eqsr::inline EQSR_ABI
