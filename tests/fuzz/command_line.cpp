// SPDX-License-Identifier: Apache-2.0
// The command line of the upscale tool: zero bytes end an argument.
#include "upscale/options.hpp"

#include <cstdio>
#include <vector>

#include "fuzz.hpp"

EQSR_FUZZ(bytes) {
  static const bool quiet = std::freopen("/dev/null", "w", stdout) != nullptr &&
                            dup2(open("/dev/null", O_WRONLY), 1) >= 0;
  std::vector<std::string> words{"upscale"};
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return eqsr_fuzz::survive([&] {
    tool::Options options;
    const auto exit = tool::parse(static_cast<int>(arguments.size()), arguments.data(), options);
    if (!exit && quiet)
      for (const tool::Wish& wish : options.wishes) (void)options.target_for(wish, 3, 5);
  });
}
