// SPDX-License-Identifier: Apache-2.0
// The JSON reader alone: settings, and any value passed over. What is read is written and read
// again.
#include <eqsr/io/weights/settings.hpp>

#include "fuzz.hpp"

EQSR_FUZZ(bytes) {
  eqsr_fuzz::survive([&] {
    for (const auto& [key, value] : eqsr::parse_flat_json(bytes, "text")) {
      const std::string again = "{" + eqsr::json_string(key) + ":1}";
      if (!eqsr::parse_flat_json(again, "text").contains(key)) std::abort();
    }
  });
  return eqsr_fuzz::survive([&] {
    eqsr::detail::JsonReader in(bytes, "text");
    in.skip();
    in.finish();
  });
}
