// SPDX-License-Identifier: Apache-2.0
#include <cfloat>  // DBL_EPSILON, which doctest 2.4.9 forgets

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#ifdef __SANITIZE_ADDRESS__
/// Too much memory asked for is a null pointer, as without the sanitizer: tests provoke it.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#endif
