// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>

#include <exception>
#include <new>
#include <optional>
#include <string>

namespace tool {

/// Why a picture failed.
struct Failure {
  std::string code;  ///< of eqsr::Error, or empty
  std::string sentence;
};

/// Runs `f`; what it throws becomes a code word and a sentence for the user.
template <class F>
std::optional<Failure> failure_of(const std::string& file, F&& f) {
  try {
    f();
    return {};
  } catch (const std::bad_alloc&) {
    return Failure{"out_of_memory",
                   file + ": There is not enough memory. Choose a smaller size, or free memory."};
  } catch (const eqsr::Error& error) {
    const std::string sentence = error.what();
    const bool named = sentence.find(file) != std::string::npos;
    return Failure{std::string(error.code()), named ? sentence : file + ": " + sentence};
  } catch (const std::exception& error) {
    return Failure{"", error.what()};
  }
}

}  // namespace tool
