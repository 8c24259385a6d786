// SPDX-License-Identifier: Apache-2.0
// convert: weight files to safetensors, in another float type if wanted. `convert --help` shows
// how. Nothing in the input is executed.
#include <eqsr/io/weights/load_into.hpp>
#include <eqsr/io/weights/pth.hpp>

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <string>

#include "common/names.hpp"
#include "common/output_plan.hpp"
#include "common/path.hpp"
#include "common/system.hpp"
#include "common/text.hpp"

namespace {

struct Options {
  std::string input, output, type = "keep", encoding;
  std::vector<std::string> notes;
  tool::IfThere if_there = tool::IfThere::refuse;
};

std::string in_quotes(const std::string& name) { return "\"" + tool::printable(name) + "\""; }

/// What became of the tensors.
struct Tally {
  std::size_t tensors = 0, elements = 0, bytes = 0, changed = 0, vanished = 0;
  double largest_change = 0;
  std::string largest_in;
  std::map<std::string, std::size_t> types;  ///< "f32 to f16" and how many
};

/// Rounded as `type` stores it, and widened again.
double stored(double value, eqsr::Dtype type) {
  const float narrow = static_cast<float>(value);
  if (type == eqsr::Dtype::f16) return double{eqsr::half_to_float(eqsr::float_to_half(narrow))};
  if (type == eqsr::Dtype::bf16)
    return double{eqsr::bfloat16_to_float(eqsr::float_to_bfloat16(narrow))};
  return double{narrow};
}

/// The elements without rounding, also those of f64.
std::vector<double> exact(const eqsr::StoredTensor& tensor) {
  if (tensor.dtype() != eqsr::Dtype::f64) {
    const std::vector<float> values = tensor.to_float();
    return {values.begin(), values.end()};
  }
  std::vector<double> values(tensor.numel());
  const std::vector<std::byte> bytes = tensor.to_bytes();
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

void insert_as(eqsr::StateDict& to, const std::string& name, const eqsr::StoredTensor& from,
               eqsr::Dtype type, Tally& tally) {
  const std::vector<double> values = exact(from);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;  // stays what it is
    const double now = stored(values[i], type);
    EQSR_EXPECTS(std::isfinite(now), "overflow", "Element ", i, " of ", name, " is ", values[i],
                 ", too large for ", eqsr::name_of(type), ". Choose bf16 or f32.");
    if (now == values[i]) continue;
    ++tally.changed;
    tally.vanished += now == 0 ? 1 : 0;
    const double change = std::abs(now - values[i]);
    if (change <= tally.largest_change) continue;
    tally.largest_change = change;
    tally.largest_in = name;
  }
  to.insert(name, from.shape(), from.to_float(), type);
}

void print(const eqsr::StateDict& from, const std::vector<std::string>& derived,
           const Options& options, const Tally& tally) {
  std::printf("read       %s, %s%s\n", options.input.c_str(), from.format().c_str(),
              from.unwrapped().empty() ? "" : (", under " + from.unwrapped()).c_str());
  if (!from.prefix().empty())
    std::printf("removed    the prefix %s of all names\n", eqsr::in_quotes(from.prefix()).c_str());
  std::printf("wrote      %s: %zu tensors, %zu elements, %zu bytes\n", options.output.c_str(),
              tally.tensors, tally.elements, tally.bytes);
  for (const auto& [types, count] : tally.types)
    std::printf("%s %zu tensors, %s\n",
                types.find(" to ") == std::string::npos ? "kept      " : "converted ", count,
                types.c_str());
  if (tally.changed > 0)
    std::printf("rounded    %zu elements, %zu of them to zero; at most by %.3g, in %s\n",
                tally.changed, tally.vanished, tally.largest_change, tally.largest_in.c_str());
  for (const std::string& name : from.dropped())
    std::printf("dropped    %s, beside the weights in the file\n", in_quotes(name).c_str());
  for (const std::string& name : derived)
    std::printf("dropped    %s, which the network derives itself\n", in_quotes(name).c_str());
  if (from.dropped().empty() && derived.empty()) std::printf("dropped    nothing\n");
}

void convert(eqsr::StateDict& from, const Options& options, eqsr::OutputFile& out) {
  const auto wanted = eqsr::dtype_of(options.type);
  from.strip(tool::network_prefix(from));
  eqsr::StateDict to;
  Tally tally;
  std::vector<std::string> derived;
  for (const auto& [name, tensor] : from) {
    if (eqsr::is_derived_buffer(name)) {
      derived.push_back(name);
      continue;
    }
    const bool converts = wanted && is_floating(tensor.dtype()) && tensor.dtype() != *wanted;
    if (converts)
      insert_as(to, name, tensor, *wanted, tally);
    else
      to.insert(name, tensor);
    const eqsr::Dtype type = to.at(name).dtype();
    const std::string text(eqsr::name_of(tensor.dtype()));
    ++tally.types[converts ? text + " to " + std::string(eqsr::name_of(type)) : text];
    ++tally.tensors;
    tally.elements += tensor.numel();
    tally.bytes += tensor.numel() * eqsr::size_of(type);
  }
  to.metadata() = from.metadata();
  if (!options.encoding.empty()) to.metadata()["encoding"] = options.encoding;
  for (const std::string& note : options.notes) {
    const std::size_t equals = note.find('=');
    to.metadata()[note.substr(0, equals)] = note.substr(equals + 1);
  }
  eqsr::write_safetensors(out, to, to.metadata());
  print(from, derived, options, tally);
}

std::optional<int> parse(int argc, char** argv, Options& options) {
  CLI::App app{"Writes the tensors of a PyTorch or safetensors file as safetensors.", "convert"};
  app.set_help_flag("-h,--help", "Show this text");
  app.allow_windows_style_options(false);  // paths may begin with a slash
  app.add_option("input", options.input, "A .pth or .safetensors file; its content decides")
      ->required();
  app.add_option("output", options.output, "A .safetensors file")
      ->required()
      ->check([](const std::string& path) {
        return path.ends_with(".safetensors") ? std::string()
                                              : path + ": The output must end in .safetensors.";
      });
  app.add_option("-t,--type", options.type,
                 "f32, f16 or bf16 for every float tensor, rounded to nearest; or keep")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "keep"}));
  app.add_option("--encoding", options.encoding,
                 "Note how the weights' training rounded: division, or reciprocal as in "
                 "published checkpoints, which were trained on GPUs")
      ->check(CLI::IsMember({"division", "reciprocal"}));
  app.add_option("--note", options.notes, "NAME=VALUE for the file's metadata; may be repeated")
      ->allow_extra_args(false)
      ->check([](const std::string& note) {
        return note.find('=') > 0 && note.find('=') != std::string::npos
                   ? std::string()
                   : note + ": A note is written NAME=VALUE.";
      });
  bool skips = false, overwrites = false;
  auto* skip = app.add_flag("--skip-existing", skips, "Keep an output that is there already");
  app.add_flag("--overwrite", overwrites, "Replace an output that is there already")
      ->excludes(skip);
  app.footer(
      "Of several sets of weights in a file the averaged one (params_ema) is taken. What is left\n"
      "out and what rounding changed is printed. Example:\n"
      "  convert eqsr.pth eqsr-base.safetensors --type f16 --encoding reciprocal\n"
      "\nExit codes: 0 done; 1 the output cannot be written or would lose numbers; 2 the command\n"
      "line is wrong; 3 the input cannot be used.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (skips) options.if_there = tool::IfThere::skip;
  if (overwrites) options.if_there = tool::IfThere::overwrite;
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  argv = tool::start_program(argc, argv);
  Options options;
  if (const auto exit = parse(argc, argv, options)) return *exit;
  int code = 2;
  try {
    tool::OutputPlan plan(options.if_there, tool::overwrite_or_skip);
    plan.add_input(tool::Path(options.input));
    plan.add_target({tool::Path(options.output), tool::Path(options.input)});
    plan.check();
    if (options.if_there == tool::IfThere::skip &&
        std::filesystem::exists(tool::Path(options.output))) {
      std::printf("kept       %s, which is there already\n", options.output.c_str());
      return 0;
    }
    code = 1;
    eqsr::OutputFile out(options.output, tool::existing_for(options.if_there, false));
    code = 3;
    eqsr::StateDict from = eqsr::StateDict::open(options.input);
    code = 1;
    convert(from, options, out);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "convert: %s\n", error.what());
    return code;
  }
}
