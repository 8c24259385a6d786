// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>  // EQSR_EXPECTS

#include <array>        // array
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
  static constexpr std::array<char, sizeof...(Axes)> letters{Axes::letter...};
  static constexpr std::array<int, sizeof...(Axes)> sizes{Axes::size...};
  static constexpr int dynamic_rank = (0 + ... + (Axes::size == dynamic ? 1 : 0));

  template <char Letter>
  static constexpr int axis_of() {
    constexpr int found = [] {
      int axis = 0;
      for (const char letter : letters) {
        if (letter == Letter) return axis;
        ++axis;
      }
      return -1;
    }();
    static_assert(found >= 0, "eqsr: this view has no axis of that letter.");
    return found;
  }

  /// The size of an axis as a constant, `dynamic` if it has none.
  static constexpr int size_at(int axis) { return sizes[static_cast<std::size_t>(axis)]; }

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
      : data_(other.data()) {
    std::size_t next = 0;
    for (int axis = 0; axis < rank; ++axis)
      if (size_at(axis) == dynamic) extents_[next++] = other.extent_at(axis);
  }

  [[nodiscard]] constexpr T* data() const { return data_; }
  [[nodiscard]] constexpr bool empty() const { return data_ == nullptr; }

  [[nodiscard]] constexpr Index extent_at(int axis) const {
    if (size_at(axis) != dynamic) return size_at(axis);
    std::size_t slot = 0;
    for (int before = 0; before < axis; ++before) slot += size_at(before) == dynamic;
    return extents_[slot];
  }

  template <char Letter>
  [[nodiscard]] constexpr Index extent() const {
    return extent_at(axis_of<Letter>());
  }

  template <char Letter>
  static constexpr int static_extent = View::size_at(View::template axis_of<Letter>());

  [[nodiscard]] constexpr Index size() const {
    Index product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= extent_at(axis);
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
  T* data_ = nullptr;
  std::array<Index, std::size_t{dynamic_rank == 0 ? 1 : dynamic_rank}> extents_{};
};

/// The size of an axis by its letter, `extent<'h'>(plane)`: the member without a word of grammar.
template <char Letter, class T, class... Axes>
[[nodiscard]] constexpr Index extent(const View<T, Axes...>& view) {
  return view.extent_at(View<T, Axes...>::template axis_of<Letter>());
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

[[gnu::noinline, gnu::cold]] inline std::string shape_text(const char* letters,
                                                           const Index* extents, int rank) {
  std::string text;
  for (int axis = 0; axis < rank; ++axis)
    text += say(axis ? ", " : "", letters[axis], ' ', extents[axis]);
  return text;
}

/// Letters and extents of a view as plain arrays, for messages.
template <class T, class... Axes>
struct ShapeOf {
  char letters[sizeof...(Axes) + 1] = {Axes::letter...};
  Index extents[sizeof...(Axes) + 1];
  explicit ShapeOf(const View<T, Axes...>& view) : extents{extent<Axes::letter>(view)...} {}
  [[nodiscard]] std::string text() const {
    return shape_text(letters, extents, int{sizeof...(Axes)});
  }
};

[[gnu::noinline]] inline void expect_same(const char* letters, const Index* a, const Index* b,
                                          int rank, const char* what) {
  for (int axis = 0; axis < rank; ++axis)
    EQSR_EXPECTS(a[axis] == b[axis], "shape_mismatch", what, ": the shapes (",
                 shape_text(letters, a, rank), ") and (", shape_text(letters, b, rank),
                 ") differ, but must be equal. Allocate the output for the input.");
}

}  // namespace detail

/// The shape as text, for messages: `m 256, c 64`.
template <class T, class... Axes>
std::string shape_text(const View<T, Axes...>& view) {
  return detail::ShapeOf(view).text();
}

/// Throws `shape_mismatch` with both shapes unless the extents agree.
template <class T, class U, class... Axes, class... Others>
void expect_same_shape(const View<T, Axes...>& a, const View<U, Others...>& b, const char* what) {
  static_assert(sizeof...(Axes) == sizeof...(Others) && ((Axes::letter == Others::letter) && ...),
                "eqsr: these views have different axes.");
  const detail::ShapeOf one(a);
  const detail::ShapeOf two(b);
  detail::expect_same(one.letters, one.extents, two.extents, int{sizeof...(Axes)}, what);
}

}}  // namespace eqsr::EQSR_ABI
