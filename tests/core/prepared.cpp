// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/core/prepared.hpp>

#include <string>
#include <thread>
#include <vector>

using eqsr::Prepared;

TEST_CASE("prepared: made once for each stamp") {
  const Prepared prepared;
  int builds = 0;
  const auto get = [&](std::uint64_t stamp) {
    return prepared.get<int>(stamp, [&] { return ++builds; });
  };
  CHECK(get(5) == 1);
  CHECK(get(5) == 1);
  CHECK(get(6) == 2);
  CHECK(get(6) == 2);
  CHECK(get(5) == 3);  // the stamp of a swapped parameter may be older
}

TEST_CASE("prepared: another type is another form") {
  const Prepared prepared;
  CHECK(prepared.get<int>(1, [] { return 3; }) == 3);
  CHECK(prepared.get<std::string>(1, [] { return std::string("three"); }) == "three");
  CHECK(prepared.get<int>(1, [] { return 4; }) == 4);
}

TEST_CASE("prepared: copies and moves start afresh") {
  Prepared original;
  const auto value = [](const Prepared& p, int fresh) {
    return p.get<int>(1, [&] { return fresh; });
  };
  CHECK(value(original, 1) == 1);
  Prepared copy = original;
  CHECK(value(copy, 2) == 2);
  CHECK(value(original, 3) == 1);
  copy = original;
  CHECK(value(copy, 4) == 4);
  const Prepared moved = std::move(original);
  CHECK(value(moved, 5) == 5);
  copy.drop();
  CHECK(value(copy, 6) == 6);
}

TEST_CASE("prepared: a failed build leaves nothing behind") {
  const Prepared prepared;
  CHECK_THROWS(prepared.get<int>(1, []() -> int { throw 1; }));
  CHECK(prepared.get<int>(1, [] { return 2; }) == 2);
}

TEST_CASE("prepared: many threads, one build") {
  for (int round = 0; round < 50; ++round) {
    const Prepared prepared;
    std::atomic<int> builds{0}, wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (std::uint64_t stamp = 7; stamp < 8; ++stamp) {
          const auto& value = prepared.get<std::vector<int>>(stamp, [&] {
            ++builds;
            return std::vector<int>(1000, 3);
          });
          for (const int element : value) wrong += element != 3;
        }
      });
    for (auto& thread : threads) thread.join();
    CHECK(builds == 1);
    CHECK(wrong == 0);
  }
}
