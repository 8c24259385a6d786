// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Settings, a JSON object without nested objects, as the metadata of weights hold them.

#include <eqsr/core/function_ref.hpp>
#include <eqsr/io/weights/json.hpp>

#include <cstdint>      // int64_t
#include <map>          // map
#include <string>       // string
#include <string_view>  // string_view
#include <vector>       // vector

namespace eqsr { inline namespace EQSR_ABI {

/// A setting: true or false, a number, a text, or a list of whole numbers.
struct JsonValue {
  enum class Kind : std::uint8_t { boolean, number, text, list } kind = Kind::boolean;
  double number = 0;  ///< of a boolean: 0 or 1
  std::string text{};
  std::vector<std::int64_t> list{};

  bool operator==(const JsonValue&) const = default;
};

namespace detail {

[[gnu::cold]] inline JsonValue read_setting(JsonReader& in, std::string_view what) {
  JsonValue setting;
  const char c = in.peek();
  if (c == '"') {
    setting.kind = JsonValue::Kind::text;
    setting.text = in.string(what);
  } else if (c == 't' || c == 'f') {
    setting.number = in.boolean(what) ? 1 : 0;
  } else if (c == '[') {
    setting.kind = JsonValue::Kind::list;
    in.begin_array(what);
    while (in.next_element()) {
      const double value = in.number(what);
      if (!(value >= -9007199254740992.0 && value <= 9007199254740992.0) ||
          static_cast<double>(static_cast<std::int64_t>(value)) != value) {
        in.fail("bad_number", {"The list ", what, " may hold whole numbers only."});
      }
      setting.list.push_back(static_cast<std::int64_t>(value));
    }
  } else {
    setting.kind = JsonValue::Kind::number;
    setting.number = in.number(what);
  }
  return setting;
}

/// Calls `f(name, value)` for each setting of an object.
[[gnu::cold]] inline void for_each_setting(
    std::string_view text, std::string_view where,
    FunctionRef<void(const std::string& name, const JsonValue& value)> f) {
  JsonReader in(text, where);
  std::string key;
  NameIndex keys;
  in.begin_object("document");
  while (in.next_key(key)) {
    const std::string what = in_quotes(key);
    if (!keys.emplace(key, keys.size()).second)
      in.fail("duplicate_key", {"The key ", what, " is there twice."});
    f(key, read_setting(in, what));
  }
  in.finish();
}

}  // namespace detail

/// Parses one object without nested objects; `where` names the text in errors.
[[nodiscard]] inline std::map<std::string, JsonValue> parse_flat_json(std::string_view text,
                                                                      std::string_view where) {
  std::map<std::string, JsonValue> object;
  detail::for_each_setting(text, where, [&](const std::string& name, const JsonValue& value) {
    object.emplace(name, value);
  });
  return object;
}

}}  // namespace eqsr::EQSR_ABI
