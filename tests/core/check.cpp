// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <eqsr/core/check.hpp>

TEST_CASE("check: a sentence is built only when it is needed") {
  int built = 0;
  const auto count = [&] { return ++built; };
  EQSR_EXPECTS(true, "bad_argument", "number ", count());
  CHECK(built == 0);
  try {
    EQSR_EXPECTS(1 > 2, "bad_argument", "number ", count(), " of ", 2.5, '.');
    FAIL("no error");
  } catch (const std::runtime_error& error) {
    CHECK(std::string(error.what()) == "number 1 of 2.5.");
    CHECK(dynamic_cast<const eqsr::Error&>(error).code() == "bad_argument");
  }
}

TEST_CASE("check: usable as a statement") {
  if (false)
    EQSR_EXPECTS(false, "bad_argument", "never");
  else
    CHECK(eqsr::say(1, 'a', "b") == "1ab");
}
