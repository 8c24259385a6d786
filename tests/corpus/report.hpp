// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>

#include <algorithm>
#include <ctime>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "../support/allocation.hpp"

/// What the rows of the corpus have in common: one attempt to read something, and what is expected.
namespace eqsr_test {

using Strings = std::vector<std::string>;

inline std::map<std::string, bool> rows;  ///< by name, whether all went well

inline void complain(const std::string& row, const std::string& what) {
  rows[row] = false;
  std::cout << row << ": " << what << "\n";
}

struct Outcome {
  std::string code = "none", sentence;
  std::size_t heap = 0;
  double seconds = 0;
};

template <class F>
Outcome outcome_of(F&& open) {
  Outcome outcome;
  outcome.sentence.reserve(1 << 16);
  const std::clock_t start = std::clock();  // of this process: others may keep it waiting
  heap_reset_peak();
  const std::size_t before = heap_now();
  try {
    open(outcome);
  } catch (const eqsr::Error& error) {
    outcome.heap = heap_peak() - before;
    outcome.code = error.code();
    outcome.sentence = error.what();
  }
  if (heap_now() > before + 1024) outcome.code += " and a leak";
  outcome.seconds = double(std::clock() - start) / CLOCKS_PER_SEC;
  return outcome;
}

inline Strings split(const std::string& text, char at) {
  Strings parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

inline void expect(const std::string& row, const std::string& file, const Outcome& found,
                   const std::string& codes, std::size_t most, const std::string& word) {
  rows.try_emplace(row, true);
  const Strings allowed = split(codes, ' ');
  const auto is = [&](const std::string& code) { return code == found.code; };
  if (std::none_of(allowed.begin(), allowed.end(), is))
    complain(row, file + " gives " + found.code + ", not " + codes + " (" + found.sentence + ")");
  if (codes != "none" && (found.sentence.size() < 30 || found.sentence.back() != '.'))
    complain(row, file + " gives no sentence: " + found.sentence);
  if (found.sentence.find(word) == std::string::npos)
    complain(row, file + " gives a sentence without \"" + word + "\": " + found.sentence);
  for (const char c : found.sentence)
    if (c < ' ' || c > '~') complain(row, file + " gives a sentence with foreign bytes");
  if (found.heap > most)
    complain(row, file + " takes " + std::to_string(found.heap) + " bytes, at most " +
                      std::to_string(most) + " are allowed");
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(EQSR_TEST_UNTIMED)
  if (found.seconds > 60) complain(row, file + " takes " + std::to_string(found.seconds) + " s");
#endif
}

/// G1 to G7: files that are sound, but no weights of this network.
void run_models();

}  // namespace eqsr_test
