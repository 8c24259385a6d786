// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/core/view.hpp>

#include <array>

using eqsr::Axis;
using eqsr::Index;
using eqsr::Plane;
using eqsr::Rows;
using eqsr::View;

// Conversions are implicit exactly when they cannot fail.
static_assert(std::is_convertible_v<Rows<float, 4>, Rows<const float, 4>>);
static_assert(std::is_convertible_v<Rows<float, 4>, View<float, Axis<'m'>, Axis<'c'>>>);
static_assert(!std::is_convertible_v<Rows<const float, 4>, Rows<float, 4>>);
static_assert(!std::is_convertible_v<Rows<float, 4>, Rows<float, 5>>);
static_assert(!std::is_convertible_v<View<float, Axis<'m'>, Axis<'c'>>, Rows<float, 4>>);
static_assert(!std::is_convertible_v<Rows<float, 4>, View<float, Axis<'h'>, Axis<'c', 4>>>);
static_assert(!std::is_convertible_v<Plane<float, 4>, Rows<float, 4>>);
static_assert(!std::is_convertible_v<Rows<float, 4>, Rows<double, 4>>);
static_assert(!std::is_convertible_v<float*, Rows<float, 4>>);

// The constructor takes the extents that are not constants, no more and no fewer.
static_assert(std::is_constructible_v<Rows<float, 4>, float*, int>);
static_assert(!std::is_constructible_v<Rows<float, 4>, float*>);
static_assert(!std::is_constructible_v<Rows<float, 4>, float*, int, int>);
static_assert(std::is_constructible_v<View<float, Axis<'c', 3>>, float*>);

static_assert(Rows<float, 4>::rank == 2 && Rows<float, 4>::dynamic_rank == 1);
static_assert(Rows<float, 4>::static_extent<'c'> == 4);
static_assert(Rows<float, 4>::static_extent<'m'> == eqsr::dynamic);

TEST_CASE("view: row-major, extents in the order of the axes") {
  float memory[24];
  for (int i = 0; i < 24; ++i) memory[i] = float(i);
  const Plane<float, 4> plane(memory, 2, 3);
  CHECK(plane.extent<'h'>() == 2);
  CHECK(plane.extent<'w'>() == 3);
  CHECK(plane.extent<'c'>() == 4);
  CHECK(plane.size() == 24);
  CHECK(plane(1, 2, 3) == 23);
  CHECK(plane(1, 0, 2) == 14);
  plane(0, 1, 1) = -1;
  CHECK(memory[5] == -1);

  const Rows<float, 4> tokens = eqsr::rows(plane);
  CHECK(tokens.extent<'m'>() == 6);
  CHECK(tokens(5, 3) == 23);
  CHECK(tokens.data() == memory);

  const View<const float, Axis<'h'>, Axis<'w', 3>, Axis<'c', 4>> narrow(memory, 2);
  const View<const float, Axis<'h'>, Axis<'w'>, Axis<'c'>> wide = narrow;
  CHECK(wide.extent<'h'>() == 2);
  CHECK(wide.extent<'w'>() == 3);
  CHECK(wide.extent<'c'>() == 4);
  CHECK(wide(1, 2, 3) == 23);
}

TEST_CASE("view: without axes it is one number") {
  float number = 3;
  const View<float> view(&number);
  CHECK(view.size() == 1);
  CHECK(view() == 3);
}

TEST_CASE("view: empty until it has memory") {
  CHECK(Rows<float, 4>().empty());
  CHECK(Rows<float, 4>().size() == 0);
  float memory[4];
  CHECK(!Rows<float, 4>(memory, 1).empty());
}

TEST_CASE("view: sizes beyond 32 bits") {
  const Plane<const float, 256> plane(nullptr, 70000, 70000);
  CHECK(plane.size() == Index{70000} * 70000 * 256);
  CHECK(eqsr::rows(plane).extent<'m'>() == Index{70000} * 70000);
}

TEST_CASE("view: shapes in messages") {
  const Rows<const float, 4> x(nullptr, 3), y(nullptr, 5);
  CHECK(eqsr::shape_text(x) == "m 3, c 4");
  CHECK_NOTHROW(eqsr::expect_same_shape(x, x, "Test"));
  try {
    eqsr::expect_same_shape(x, y, "Test");
    FAIL("no error");
  } catch (const eqsr::Error& error) {
    CHECK(error.code() == "shape_mismatch");
    CHECK(std::string(error.what()) ==
          "Test: the shapes (m 3, c 4) and (m 5, c 4) differ, but must be equal. Allocate the "
          "output for the input.");
  }
}

TEST_CASE("view: usable in constant expressions") {
  static constexpr std::array<int, 6> numbers{1, 2, 3, 4, 5, 6};
  constexpr View<const int, Axis<'y', 2>, Axis<'x', 3>> view(numbers.data());
  static_assert(view(1, 2) == 6 && view.size() == 6 && view.extent<'x'>() == 3);
  CHECK(view(0, 1) == 2);
}
