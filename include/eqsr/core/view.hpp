// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>  // EQSR_EXPECTS

#include <cstddef>      // ptrdiff_t
#include <type_traits>  // is_convertible

/// Views: memory whose axes have letters. Glossary of the letters used by this library:
/// `h w` pixels, `m` flattened pixels (tokens), `c` channels of an activation, `o` and `c` output
/// and input channels of a weight, `y x` taps of a kernel, `n` attention heads, `r` table rows.
namespace eqsr { inline namespace EQSR_ABI {

using Index = std::ptrdiff_t;

/// An extent that is only known at run time.
inline constexpr int dynamic = -1;

/// One axis of a view: a letter for the reader and the type checker, and a size if it is constant.
template <char Letter, int Size = dynamic>
struct Axis {
  static constexpr char letter = Letter;
  static constexpr int size = Size;
};

namespace detail {
/// The extents of a view that are only known at run time.
template <int Count>
struct Extents {
  Index at[std::size_t{Count}];
};
template <>
struct Extents<0> {
  Index at[1];
};

/// Letters and extents of a view, for checks and messages.
struct Shape {
  const char* letters;
  Index extents[4];
};
}  // namespace detail

/// A non-owning, contiguous, row-major array with lettered axes.
///
/// The constructor takes the run-time extents only, in the order of the axes:
/// `View<float, Axis<'m'>, Axis<'c', 64>> rows(pointer, 100)`. Conversions are implicit exactly
/// when they cannot fail: `T` to `const T`, a constant extent to a run-time one.
template <class T, class... Axes>
class View {
 public:
  using value_type = T;
  static constexpr int rank = sizeof...(Axes);
  static constexpr char letters[std::size_t{rank} + 1] = {Axes::letter..., '\0'};
  static constexpr int sizes[std::size_t{rank} + 1] = {Axes::size..., 0};  // 0: none is empty
  static constexpr int dynamic_rank = (0 + ... + (Axes::size == dynamic ? 1 : 0));

  template <char Letter>
  static constexpr int axis_of() {
    constexpr int found = [] {
      int axis = 0;
      return ((Axes::letter == Letter || (++axis, false)) || ...) ? axis : -1;
    }();
    static_assert(found >= 0, "eqsr: this view has no axis of that letter.");
    return found;
  }

  constexpr View() = default;

  template <class... Extents>
  requires(sizeof...(Extents) == dynamic_rank && (std::is_convertible_v<Extents, Index> &&
                                                  ...)) constexpr explicit View(T* data,
                                                                                Extents... extents)
      : data_(data), extents_{static_cast<Index>(extents)...} {}

  template <class U, class... Others>
  requires(std::is_convertible_v<U (*)[], T (*)[]> && sizeof...(Others) == rank &&
           ((Axes::letter == Others::letter &&
             (Axes::size == Others::size || Axes::size == dynamic)) &&
            ...)) constexpr View(const View<U, Others...>& other)
      : data_(other.data_) {
    if constexpr (View<U, Others...>::dynamic_rank == dynamic_rank)
      extents_ = other.extents_;
    else
      for (int axis = 0; axis < rank; ++axis)
        if (sizes[axis] == dynamic) extents_.at[slot_of(axis)] = other.extent_at(axis);
  }

  [[nodiscard]] constexpr T* data() const { return data_; }
  [[nodiscard]] constexpr bool empty() const { return data_ == nullptr; }

  [[nodiscard]] constexpr Index extent_at(int axis) const {
    return sizes[axis] == dynamic ? extents_.at[slot_of(axis)] : sizes[axis];
  }
  template <char Letter>
  [[nodiscard]] constexpr Index extent() const {
    constexpr int axis = axis_of<Letter>(), slot = slot_of(axis);
    if constexpr (sizes[axis] == dynamic)
      return extents_.at[slot];
    else
      return sizes[axis];
  }
  /// The size of an axis as a constant, `dynamic` if it has none.
  template <char Letter>
  static constexpr int static_extent = View::sizes[View::template axis_of<Letter>()];

  [[nodiscard]] constexpr Index size() const {
    Index product = (Index{1} * ... * (Axes::size == dynamic ? 1 : Axes::size));
    for (int slot = 0; slot < dynamic_rank; ++slot) product *= extents_.at[slot];
    return product;
  }

  /// The same memory, to be read.
  [[nodiscard]] constexpr View<const T, Axes...> read() const {
    return over(static_cast<const T*>(data_));
  }
  /// A view of the same shape on other memory.
  template <class U>
  [[nodiscard]] constexpr View<U, Axes...> over(U* data) const {
    View<U, Axes...> view;
    view.data_ = data;
    view.extents_ = extents_;
    return view;
  }

  [[nodiscard]] constexpr detail::Shape shape() const {
    return {letters, {extent<Axes::letter>()...}};
  }

  template <class... Indices>
  requires(sizeof...(Indices) == rank) constexpr T& operator()(Indices... indices) const {
    Index offset = 0;
    int axis = 0;
    ((offset = offset * extent_at(axis++) + static_cast<Index>(indices)), ...);
    return data_[offset];
  }

 private:
  template <class, class...>
  friend class View;

  /// The place of an axis among the extents that are known at run time alone.
  static constexpr int slot_of(int axis) {
    int slot = 0;
    for (int before = 0; before < axis; ++before) slot += sizes[before] == dynamic;
    return slot;
  }

  T* data_ = nullptr;
  detail::Extents<dynamic_rank> extents_{};
};

/// The size of an axis by its letter, `extent<'h'>(plane)`: the member without a word of grammar.
template <char Letter, class T, class... Axes>
[[nodiscard]] constexpr Index extent(const View<T, Axes...>& view) {
  return view.template extent<Letter>();
}

/// Tokens: one row of C channels a pixel. Here and below no C stands for a number of channels that
/// is known at run time: kernels are written for those, so that each is compiled once.
template <class T, int C = dynamic>
using Rows = View<T, Axis<'m'>, Axis<'c', C>>;

/// A feature map, channels last. It is the same memory as `Rows` of h*w tokens.
template <class T, int C = dynamic>
using Plane = View<T, Axis<'h'>, Axis<'w'>, Axis<'c', C>>;

/// The tokens of a plane.
template <class T, int C>
constexpr Rows<T, C> rows(const Plane<T, C>& plane) {
  return Rows<T, C>(plane.data(), extent<'h'>(plane) * extent<'w'>(plane));
}

namespace detail {

[[gnu::noinline, gnu::cold]] inline std::string text_of(const Shape& shape) {
  std::string text;
  for (int axis = 0; shape.letters[axis]; ++axis)
    text += say(axis ? ", " : "", shape.letters[axis], ' ', shape.extents[axis]);
  return text;
}

[[gnu::noinline]] inline void expect_same(const Shape& a, const Shape& b, const char* what) {
  for (int axis = 0; a.letters[axis]; ++axis)
    EQSR_EXPECTS(a.extents[axis] == b.extents[axis], "shape_mismatch", what, ": the shapes (",
                 text_of(a), ") and (", text_of(b),
                 ") differ, but must be equal. Allocate the output for the input.");
}

/// `x` and `y` begin with the same axes: tokens, or height and width. Those must agree.
[[gnu::noinline]] inline void expect_same_pixels(const Shape& a, const Shape& b, const char* what,
                                                 const char* x, const char* y) {
  for (int axis = 0; a.letters[axis + 1]; ++axis)
    EQSR_EXPECTS(a.extents[axis] == b.extents[axis], "shape_mismatch", what, ": the ", x, " (",
                 text_of(a), ") and the ", y, " (", text_of(b), ") must have the same ",
                 a.letters[0] == 'm' ? "number of rows" : "height and width",
                 ". Allocate one for the other.");
}

}  // namespace detail

/// The shape as text, for messages: `m 256, c 64`.
template <class T, class... Axes>
std::string shape_text(const View<T, Axes...>& view) {
  return detail::text_of(view.shape());
}

/// Throws `shape_mismatch` with both shapes unless the extents agree.
template <class T, class U, class... Axes, class... Others>
void expect_same_shape(const View<T, Axes...>& a, const View<U, Others...>& b, const char* what) {
  static_assert(sizeof...(Axes) == sizeof...(Others) && ((Axes::letter == Others::letter) && ...),
                "eqsr: these views have different axes.");
  detail::expect_same(a.shape(), b.shape(), what);
}

/// The same for all extents but the last, the channels.
template <class T, class U, class... Axes, class... Others>
void expect_same_pixels(const View<T, Axes...>& a, const View<U, Others...>& b, const char* what,
                        const char* a_is = "input", const char* b_is = "output") {
  static_assert(sizeof...(Axes) == sizeof...(Others) && ((Axes::letter == Others::letter) && ...),
                "eqsr: these views have different axes.");
  detail::expect_same_pixels(a.shape(), b.shape(), what, a_is, b_is);
}

}}  // namespace eqsr::EQSR_ABI
