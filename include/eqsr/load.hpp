// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/weights/load_into.hpp>  // load_into
#include <eqsr/io/weights/settings.hpp>   // for_each_setting
#include <eqsr/net/eqsr.hpp>              // Net

#include <algorithm>    // equal, for_each
#include <string>       // string
#include <string_view>  // string_view
#include <utility>      // pair
#include <vector>       // vector

/// A ready network from a weight file.
namespace eqsr { inline namespace EQSR_ABI {
namespace detail {

/// Whether a setting of the metadata entry `configuration` is one of `config`.
[[gnu::cold]] inline bool has_setting(const Config& config, std::string_view name,
                                      const JsonValue& value) {
  const std::pair<std::string_view, double> numbers[] = {{"channels", config.channels},
                                                         {"heads", config.heads},
                                                         {"window", config.window},
                                                         {"overlap_ratio", config.overlap_ratio},
                                                         {"mlp_ratio", config.mlp_ratio},
                                                         {"squeeze_ratio", config.squeeze_ratio},
                                                         {"latent", config.latent},
                                                         {"frequencies", config.frequencies},
                                                         {"training_patch", config.training_patch}};
  for (const auto& [known, number] : numbers)
    if (name == known) return value.kind == JsonValue::Kind::number && value.number == number;
  if (name == "depths")
    return value.kind == JsonValue::Kind::list &&
           std::equal(value.list.begin(), value.list.end(), config.depths.begin(),
                      config.depths.begin() + config.groups());
  if (value.kind != JsonValue::Kind::text) return false;
  if (name == "conditioning")
    return value.text == (config.conditioning == Conditioning::scale ? "scale" : "target_height");
  return name == "image_skip" &&
         value.text == (config.image_skip == ImageSkip::bicubic ? "bicubic" : "none");
}

/// A file with a configuration must have this one. Throws `bad_config`.
[[gnu::cold]] inline void expect_configuration(const StateDict& dict, const Config& config) {
  const auto entry = dict.metadata().find("configuration");
  if (entry == dict.metadata().end()) return;
  for_each_setting(entry->second, say(in_quotes(dict.source()), ", configuration"),
                   [&](const std::string& name, const JsonValue& value) {
                     EQSR_EXPECTS(
                         has_setting(config, name, value), "bad_config", in_quotes(dict.source()),
                         ": The configuration of these weights has another ", in_quotes(name),
                         " than the network they are loaded into. Load them with the configuration "
                         "they were trained for; inspect_weights shows it.");
                   });
}

/// The buffers of relative positions that published checkpoints carry are recomputed here and never
/// used as an index; a file whose buffers differ is damaged or of another network. Throws
/// `bad_index`.
[[gnu::cold]] inline void expect_derived_indices(const StateDict& dict, const Config& config) {
  const auto check = [&](const std::string& name, const StoredTensor& tensor, std::int64_t keys,
                         std::int64_t shift) {
    const std::int64_t M = config.window, side = M + keys - 1;
    const bool shaped =
        !is_floating(tensor.dtype()) && tensor.shape() == StoredTensor::Shape{M * M, keys * keys};
    EQSR_EXPECTS(shaped, "bad_index", in_quotes(dict.source()), ": ", name,
                 " is not the table of relative positions of a window of ", M, " and ", keys,
                 ". Use weights of this network, or remove it from the file.");
    const std::vector<std::int64_t> values = tensor.to_int64();
    for (std::int64_t i = 0; i < M * M; ++i) {
      for (std::int64_t j = 0; j < keys * keys; ++j) {
        // Queries minus keys in a window, keys minus queries where the keys overlap.
        const std::int64_t sign = keys == M ? 1 : -1;
        const std::int64_t y = sign * (i / M - j / keys) + shift;
        const std::int64_t x = sign * (i % M - j % keys) + shift;
        const std::int64_t value = values[static_cast<std::size_t>(i * keys * keys + j)];
        EQSR_EXPECTS(value == y * side + x, "bad_index", in_quotes(dict.source()), ": Element ",
                     i * keys * keys + j, " of ", name, " is ", value, ", but the position is ",
                     y * side + x, ". The file is damaged; copy or download it again.");
      }
    }
  };
  const std::int64_t M = config.window, keys = config.key_window();
  for (const auto& [name, tensor] : dict) {
    if (name.ends_with("relative_position_index_SA")) check(name, tensor, M, M - 1);
    if (name.ends_with("relative_position_index_OCA")) check(name, tensor, keys, M - keys + 1);
  }
}

}  // namespace detail

/// A ready network from a weight file. See load_into for what a file may hold.
///
/// What the file says beside the parameters is compared with the network before that is allocated:
/// `bad_config` if it states another configuration, `bad_index` if its derived buffers are wrong.
/// What was noticed beside goes to `limits.on_note`, a sentence each.
template <Config config, AnyContext C>
Net<config, typename C::backend> load(C& ctx, const std::string& path, const Limits& limits = {}) {
  return detail::with_typed_errors([&] {
    ctx.select();
    const StateDict dict = StateDict::open(path, limits);
    detail::expect_configuration(dict, config);
    detail::expect_derived_indices(dict, config);
    Net<config, typename C::backend> net;
    const std::vector<std::string> notes = load_into(net, dict);
    if (limits.on_note) std::for_each(notes.begin(), notes.end(), limits.on_note);
    if (const auto found = dict.metadata().find("encoding"); found != dict.metadata().end()) {
      EQSR_EXPECTS(found->second == "division" || found->second == "reciprocal", "bad_config",
                   "The metadata of ", path, " names the encoding ", in_quotes(found->second),
                   "; \"division\" or \"reciprocal\" was expected.");
      net.encoding = found->second == "division" ? Encoding::division : Encoding::reciprocal;
    }
    return net;
  });
}

}}  // namespace eqsr::EQSR_ABI
