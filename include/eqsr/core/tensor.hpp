// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/backend.hpp>      // DryRun
#include <eqsr/core/free_memory.hpp>  // free_memory
#include <eqsr/core/view.hpp>         // View

#include <algorithm>    // copy_n, max
#include <atomic>       // atomic
#include <cstddef>      // byte
#include <cstdint>      // uint64_t
#include <cstring>      // memset
#include <new>          // align_val_t
#include <type_traits>  // type_identity
#include <utility>      // exchange, swap

namespace eqsr { inline namespace EQSR_ABI {

/// The memory of the processor.
struct HostSpace {};

/// Where the tensors of a backend live. The primary template is host memory on cache lines. `space`
/// names the memory: backends of one space can use each other's tensors.
template <class B>
struct Memory {
  using space = HostSpace;
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
template <class B>
struct SpaceOf : std::type_identity<typename Memory<B>::space> {};
template <class B>
struct SpaceOf<DryRun<B>> : SpaceOf<B> {};
template <>
struct SpaceOf<void> : std::type_identity<void> {};
}  // namespace detail

/// Whether a kernel of backend B can use memory of backend A. `Reference` and `Cpu` share the
/// host's; `void`, no backend, is not asked.
template <class A, class B>
inline constexpr bool compatible =
    std::is_void_v<typename detail::SpaceOf<A>::type> ||
    std::is_void_v<typename detail::SpaceOf<B>::type> ||
    std::is_same_v<typename detail::SpaceOf<A>::type, typename detail::SpaceOf<B>::type>;

/// Stops compilation with a sentence where memory of A meets a context of B.
template <class A, class B>
constexpr void expect_compatible() {
  static_assert(compatible<A, B>,
                "eqsr: this layer or view is in the memory of another backend than the context's. "
                "Use a context of its backend, or copy it: Tensor::copy_to_host, copy_from_host.");
}

/// A view V that knows that its memory is that of backend B: what a tensor gives, and what a layer
/// takes. A plain view converts to it, since nobody knows where a pointer of the caller points; one
/// of another memory does not.
template <class B, class V>
struct On : V {
  using backend = B;

  constexpr On() = default;
  template <class... Extents>
  constexpr explicit On(typename V::value_type* data, Extents... extents) : V(data, extents...) {}
  template <class T, class... Axes>
  requires std::is_convertible_v<View<T, Axes...>, V>
  constexpr On(const View<T, Axes...>& view) : V(view) {}
  template <class A, class U>
  requires std::is_convertible_v<U, V>
  constexpr On(const On<A, U>& view) : V(static_cast<const U&>(view)) { expect_compatible<A, B>(); }
};

namespace detail {
[[gnu::noinline]] inline std::uint64_t fresh_stamp() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}

/// The memory of a tensor, whatever its elements: what is compiled once a backend instead of once a
/// shape.
template <class B>
class TensorMemory {
 public:
  [[gnu::noinline]] explicit TensorMemory(std::size_t bytes)
      : bytes_(bytes), stamp_(fresh_stamp()) {
    data_ = Memory<B>::allocate(bytes > 0 ? bytes : 1);
    try {
      Memory<B>::zero(data_, bytes);
    } catch (...) {  // a device can fail
      Memory<B>::deallocate(data_);
      throw;
    }
  }
  [[gnu::noinline]] TensorMemory(const TensorMemory& other) : TensorMemory(other.bytes_) {
    Memory<B>::copy(data_, other.data_, bytes_);
  }
  [[gnu::noinline]] TensorMemory(TensorMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        stamp_(fresh_stamp()) {}
  [[gnu::noinline]] TensorMemory& operator=(TensorMemory other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    touch();
    return *this;
  }
  [[gnu::noinline]] ~TensorMemory() { Memory<B>::deallocate(data_); }

  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t stamp() const { return stamp_; }
  void touch() { stamp_ = fresh_stamp(); }

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
  std::uint64_t stamp_;
};
}  // namespace detail

/// An owned array with lettered axes in the memory of backend `B`. Zero when constructed.
///
/// Every mutable access gives it a new `stamp()`: forms derived from a parameter (packed weights)
/// remember the stamp that they were made from, and are remade when it has changed. Take the view
/// again for every round of writing; a view kept across a forward pass is not noticed.
template <class B, class T, class... Axes>
class Tensor {
 public:
  using backend = B;
  using view_type = View<T, Axes...>;
  using const_view_type = View<const T, Axes...>;

  Tensor() requires(view_type::dynamic_rank == 0) : Tensor(view_type(nullptr)) {}

  template <class... Extents>
  requires(sizeof...(Extents) == view_type::dynamic_rank &&
           view_type::dynamic_rank > 0) explicit Tensor(Extents... extents)
      : Tensor(view_type(nullptr, extents...)) {}

  [[nodiscard]] On<B, const_view_type> view() const { return shape_.over(data()); }
  [[nodiscard]] On<B, view_type> view() { return shape_.over(data()); }
  template <class... Indices>
  const T& operator()(Indices... indices) const {
    return view()(indices...);
  }
  template <class... Indices>
  T& operator()(Indices... indices) {
    return view()(indices...);
  }
  [[nodiscard]] const T* data() const { return static_cast<const T*>(memory_.data()); }
  [[nodiscard]] T* data() {
    memory_.touch();
    return static_cast<T*>(memory_.data());
  }
  [[nodiscard]] Index size() const { return shape_.size(); }
  template <char Letter>
  [[nodiscard]] Index extent() const {
    return eqsr::extent<Letter>(shape_);
  }
  [[nodiscard]] std::uint64_t stamp() const { return memory_.stamp(); }

  void copy_from_host(const T* from) { Memory<B>::from_host(data(), from, memory_.bytes()); }
  void copy_to_host(T* to) const { Memory<B>::to_host(to, data(), memory_.bytes()); }

 private:
  explicit Tensor(view_type shape)
      : memory_(static_cast<std::size_t>(shape.size()) * sizeof(T)), shape_(shape) {}

  detail::TensorMemory<B> memory_;  ///< first: a failed copy then changes nothing
  view_type shape_;                 ///< its data is null
};

/// The size of an axis by its letter.
template <char Letter, class B, class T, class... Axes>
[[nodiscard]] Index extent(const Tensor<B, T, Axes...>& tensor) {
  return tensor.template extent<Letter>();
}

/// The newest stamp of several tensors; it changes whenever one of them is written.
template <class... Tensors>
std::uint64_t newest_stamp(const Tensors&... tensors) {
  return (std::max)({tensors.stamp()...});
}

}}  // namespace eqsr::EQSR_ABI
