// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/core/tensor.hpp>

using eqsr::Axis;
using eqsr::Cpu;
using Matrix = eqsr::Tensor<Cpu, float, Axis<'o', 2>, Axis<'c', 3>>;
using Tokens = eqsr::Tensor<Cpu, float, Axis<'m'>, Axis<'c', 3>>;

static_assert(std::is_default_constructible_v<Matrix>);
static_assert(!std::is_default_constructible_v<Tokens>);
static_assert(std::is_nothrow_move_constructible_v<Tokens>);

TEST_CASE("tensor: zero at first, on cache lines") {
  const Tokens x(5);
  CHECK(x.size() == 15);
  CHECK(x.extent<'m'>() == 5);
  CHECK(x.extent<'c'>() == 3);
  CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
  for (int i = 0; i < 15; ++i) CHECK(x.data()[i] == 0);
  const eqsr::Tensor<Cpu, float> scalar;
  CHECK(scalar() == 0);
  CHECK(Tokens(0).size() == 0);
}

TEST_CASE("tensor: element access and copies from and to the host") {
  Matrix x;
  x(1, 2) = 7;
  CHECK(x.data()[5] == 7);
  CHECK(x.view()(1, 2) == 7);
  const float numbers[6] = {1, 2, 3, 4, 5, 6};
  x.copy_from_host(numbers);
  CHECK(x(1, 0) == 4);
  float back[6] = {};
  std::as_const(x).copy_to_host(back);
  for (int i = 0; i < 6; ++i) CHECK(back[i] == numbers[i]);
}

TEST_CASE("tensor: a copy is independent, a move keeps the memory") {
  Tokens x(2);
  x(1, 1) = 5;
  Tokens copy = x;
  CHECK(copy(1, 1) == 5);
  copy(1, 1) = 6;
  CHECK(x(1, 1) == 5);

  const float* memory = std::as_const(x).data();
  const Tokens moved = std::move(x);
  CHECK(moved.data() == memory);
  CHECK(moved(1, 1) == 5);

  Tokens assigned(7);
  assigned = moved;
  CHECK(assigned.extent<'m'>() == 2);
  CHECK(assigned(1, 1) == 5);
  assigned = Tokens(3);
  CHECK(assigned.size() == 9);
  Tokens& self = assigned;
  assigned = self;
  CHECK(assigned.size() == 9);
}

TEST_CASE("tensor: every way of writing gives a new stamp, reading gives none") {
  Matrix x;
  const Matrix& reader = x;
  auto last = x.stamp();
  const auto written = [&] {
    const bool changed = x.stamp() > last;
    last = x.stamp();
    return changed;
  };
  CHECK(last > 0);
  (void)reader.view();
  (void)reader.data();
  (void)reader(0, 0);
  const Matrix copy = reader;
  CHECK(!written());
  x(0, 0) = 1;
  CHECK(written());
  x.view()(0, 1) = 1;
  CHECK(written());
  x.data()[2] = 1;
  CHECK(written());
  const float numbers[6] = {};
  x.copy_from_host(numbers);
  CHECK(written());
  x = copy;
  CHECK(written());
  x = Matrix();
  CHECK(written());
  CHECK(Matrix().stamp() != Matrix().stamp());
  CHECK(copy.stamp() != x.stamp());
  CHECK(eqsr::newest_stamp(x, copy) == std::max(x.stamp(), copy.stamp()));
}

TEST_CASE("tensor: backends share memory or do not, and views of tensors know whose it is") {
  struct Elsewhere {};  // without a Memory of its own: on the host
  static_assert(eqsr::compatible<eqsr::Reference, eqsr::Cpu>);
  static_assert(eqsr::compatible<Elsewhere, eqsr::DryRun<eqsr::Cpu>>);
  eqsr::Tensor<eqsr::Cpu, float, eqsr::Axis<'m'>, eqsr::Axis<'c', 3>> tensor(2);
  using Taken = eqsr::On<eqsr::Reference, eqsr::Rows<const float, 3>>;
  const Taken taken = tensor.view();
  CHECK(taken.data() == std::as_const(tensor).data());
  CHECK(taken.extent<'m'>() == 2);
  const float values[6]{};
  CHECK(Taken(eqsr::Rows<const float, 3>(values, 2)).data() == values);
  static_assert(std::is_convertible_v<eqsr::Rows<float, 3>, Taken>);
  static_assert(!std::is_convertible_v<eqsr::Rows<float, 4>, Taken>);
  static_assert(!std::is_convertible_v<Taken, eqsr::Rows<float, 3>>);
}
