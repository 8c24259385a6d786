// SPDX-License-Identifier: Apache-2.0
// A process that forks: its child has a copy of the context, but none of its threads.
#include <eqsr/cpu/core/context.hpp>

#include <doctest/doctest.h>

#include <sys/wait.h>  // waitpid
#include <unistd.h>    // fork

#include <atomic>
#include <memory>
#include <string>

namespace {

/// Runs `work` in a child; its result is the child's exit status, -1 if it did not end in time.
template <class Work>
int in_child(const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);  // a child that waits for ever is ended
    _exit(work());
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int sum_of(eqsr::Context<eqsr::Cpu>& ctx) {
  std::atomic<int> sum = 0;
  ctx.parallel_for(100, [&](eqsr::Index i, int) { sum += static_cast<int>(i); });
  return sum;
}

}  // namespace

TEST_CASE("a child that uses its parent's context gets a typed error, and never waits") {
  for (const int threads : {1, 2, 5}) {
    INFO(threads);
    auto ctx = std::make_unique<eqsr::Context<eqsr::Cpu>>(threads);
    CHECK(sum_of(*ctx) == 4950);
    const int status = in_child([&] {
      std::string code = "none";
      try {
        sum_of(*ctx);
      } catch (const eqsr::Error& error) {
        code = error.code();
      }
      ctx.reset();  // waits for none of the threads that are not there
      eqsr::Context<eqsr::Cpu> own(2);
      return code == "forked" && sum_of(own) == 4950 ? 0 : 1;
    });
    CHECK(status == 0);
    CHECK(sum_of(*ctx) == 4950);  // the parent goes on
  }
}

TEST_CASE("a context that a child never uses is destroyed with it") {
  eqsr::Context<eqsr::Cpu> first(3);
  CHECK(in_child([] {
          const eqsr::Context<eqsr::Cpu> unused(3);
          return 0;
        }) == 0);
  CHECK(sum_of(first) == 4950);
}
