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

TEST_CASE("prepared: forms of other types live beside one another until the stamp changes") {
  const Prepared prepared;
  const int& three = prepared.get<int>(1, [] { return 3; });
  const auto& text = prepared.get<std::string>(1, [] { return std::string("a form of text"); });
  const auto& real = prepared.get<double>(1, [] { return 3.5; });
  CHECK(three == 3);
  CHECK(text == "a form of text");
  CHECK(real == 3.5);
  CHECK(&prepared.get<int>(1, [] { return 4; }) == &three);
  CHECK(&prepared.get<std::string>(1, [] { return std::string(); }) == &text);
  CHECK(prepared.get<int>(2, [] { return 5; }) == 5);
  CHECK(prepared.get<std::string>(2, [] { return std::string("again"); }) == "again");
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
  CHECK_THROWS(prepared.get<char>(1, []() -> char { throw 1; }));
  CHECK(prepared.get<int>(1, [] { return 3; }) == 2);  // the other form is still there
  CHECK_THROWS(prepared.get<int>(9, []() -> int { throw 1; }));
  CHECK(prepared.get<int>(9, [] { return 4; }) == 4);
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

TEST_CASE("prepared: four threads ask for two forms at once, and keep what they got") {
  for (int round = 0; round < 50; ++round) {
    const Prepared prepared;
    std::atomic<int> builds{0}, wrong{0};
    const auto ask = [&]<class T>(T value) {
      const auto& form = prepared.get<std::vector<T>>(7, [&] {
        ++builds;
        return std::vector<T>(1000, value);
      });
      for (int again = 0; again < 20; ++again) {
        wrong += &form != &prepared.get<std::vector<T>>(7, [&] { return std::vector<T>(); });
        for (const T element : form) wrong += element != value;
      }
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        if (t % 2 == 0)
          ask(3);
        else
          ask(2.5);
      });
    for (auto& thread : threads) thread.join();
    CHECK(builds == 2);
    CHECK(wrong == 0);
  }
}
