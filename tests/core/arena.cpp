// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/core/arena.hpp>
#include <eqsr/core/size.hpp>

#include <limits>  // numeric_limits

using eqsr::Reference;

TEST_CASE("arena: allocations are aligned, counted and released together") {
  eqsr::Arena<Reference> arena;
  CHECK(arena.capacity() == 0);
  const auto mark = arena.mark();
  auto* a = static_cast<char*>(arena.allocate(1));
  auto* b = static_cast<char*>(arena.allocate(300));
  CHECK(reinterpret_cast<std::uintptr_t>(a) % 256 == 0);
  CHECK(b - a == 256);
  CHECK(arena.peak() == 256 + 512);
  arena.release(mark);
  CHECK(arena.allocate(256) == a);  // the same memory again
  CHECK(arena.peak() == 256 + 512);
  arena.release(mark);
  const void* nothing = arena.allocate(0);
  CHECK(nothing == arena.allocate(1));
}

TEST_CASE("arena: an arena grows without moving what it gave") {
  eqsr::Arena<Reference> arena;
  const auto start = arena.mark();
  auto* small = static_cast<float*>(arena.allocate(1000));
  small[7] = 3;
  for (int i = 0; i < 10; ++i) {
    auto* large = static_cast<char*>(arena.allocate(std::size_t{1} << 20));
    large[0] = large[(1 << 20) - 1] = 1;
  }
  CHECK(small[7] == 3);
  const std::size_t held = arena.capacity();
  CHECK(held >= arena.peak());
  arena.release(start);
  for (int i = 0; i < 10; ++i) (void)arena.allocate(std::size_t{1} << 20);
  CHECK(arena.capacity() <= held + (1 << 20));
}

TEST_CASE("arena: after reserving, nothing is allocated") {
  eqsr::Arena<Reference> arena;
  arena.reserve(100'000);
  const std::size_t held = arena.capacity();
  CHECK(held >= 100'000);
  const auto mark = arena.mark();
  for (int i = 0; i < 10; ++i) (void)arena.allocate(9'900);
  CHECK(arena.capacity() == held);
  arena.release(mark);
  arena.reserve(50'000);  // enough already
  CHECK(arena.capacity() == held);
  arena.reserve(200'000);
  CHECK(arena.capacity() >= 200'000);
  CHECK(arena.capacity() < 201'000);
}

TEST_CASE("arena: memory that does not exist is an error with a code") {
  eqsr::Arena<Reference> arena;
  try {
    constexpr std::ptrdiff_t most = (std::numeric_limits<std::ptrdiff_t>::max)();
    (void)arena.allocate(static_cast<std::size_t>(most - 4096));
    FAIL("no error");
  } catch (const eqsr::Error& error) {
    CHECK(error.code() == "out_of_memory");
  }
  CHECK(arena.allocate(64) != nullptr);
}

TEST_CASE("arena: a size that has no number is too large, and never a small one") {
  constexpr std::size_t most = (std::numeric_limits<std::size_t>::max)();
  CHECK(eqsr::saturated_product(most / 4, 4) == most / 4 * 4);
  CHECK(eqsr::saturated_product(most / 4 + 1, 4) == most);
  CHECK(eqsr::saturated_product(std::size_t{3}, 0) == 0);
  CHECK(eqsr::saturated_sum(most - 5, 5, 0) == most);
  CHECK(eqsr::saturated_sum(most - 5, 6, 7) == most);
  CHECK(eqsr::saturated_sum(1, 2, 3) == 6);

  eqsr::Arena<eqsr::DryRun<Reference>> dry;
  dry.allocate(1);
  dry.allocate(most / 2);
  dry.allocate(most / 2 + 2);
  CHECK(dry.peak() > most - 256);
  eqsr::Arena<Reference> arena;
  CHECK_THROWS_AS((void)arena.allocate(most), eqsr::Error);
  CHECK_THROWS_AS(arena.reserve(most - 300), eqsr::Error);
  CHECK(arena.capacity() == 0);
}

TEST_CASE("size: an image with more numbers than can be counted is refused") {
  constexpr int most = (std::numeric_limits<int>::max)();
  CHECK_NOTHROW(eqsr::detail::expect_countable({1000, 1000}, 60, {8000, 8000}));
  CHECK_THROWS_AS(eqsr::detail::expect_countable({most, most}, 60, {1, 1}), eqsr::Error);
  CHECK(eqsr::detail::image_bytes({most, most}) == (std::numeric_limits<std::size_t>::max)());
}
