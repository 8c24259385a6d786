// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/core/context.hpp>

using eqsr::Reference;

TEST_CASE("context: scopes nest") {
  eqsr::Context<Reference> ctx;
  eqsr::Scope outer(ctx);
  const auto a = outer.plane<3>(4, 5);
  CHECK(a.size() == 60);
  float* freed = nullptr;
  {
    eqsr::Scope inner(ctx);
    freed = inner.rows<7>(9).data();
    CHECK(inner.array<double>(3) != nullptr);
  }
  CHECK(outer.rows<2>(1).data() == freed);
}

TEST_CASE("context: checkpoints report and obey a stop") {
  eqsr::Context<Reference> ctx;
  std::string seen;
  ctx.on_progress = [&](double done, std::string_view stage) {
    seen += eqsr::say(stage, " ", done, "; ");
  };
  ctx.checkpoint(0.25, "features");
  ctx.checkpoint(0.5, "upsampling");
  CHECK(seen == "features 0.25; upsampling 0.5; ");
  // A token of the caller's own, as where the standard library has none.
  struct Token {
    const bool* requested;
    [[nodiscard]] bool stop_requested() const { return *requested; }
  };
  CHECK(!ctx.stop.stop_possible());
  bool requested = false;
  ctx.stop = Token{&requested};
  CHECK(ctx.stop.stop_possible());
  CHECK_NOTHROW(ctx.checkpoint(0.6, "upsampling"));
  requested = true;
  try {
    ctx.checkpoint(0.7, "upsampling");
    FAIL("no error");
  } catch (const eqsr::Error& error) {
    CHECK(error.code() == "cancelled");
    CHECK(std::string(error.what()) ==
          "The run was cancelled during upsampling. The network and the context can be used "
          "again.");
  }
}
