// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/network_option.hpp"
#include "common/output_plan.hpp"
#include "common/path.hpp"
#include "common/text.hpp"
#include "degrade.hpp"
#include "protocol.hpp"
#include "report.hpp"

/// What the command line of `evaluate` says.
namespace tool {

struct EvaluateOptions {
  std::vector<Path> folders;
  std::vector<Scale> scales;
  Protocol protocol;
  std::optional<int> border;
  std::vector<Degradation> degradations;
  std::uint64_t seed = 1;
  bool grey_as_rgb = false, no_network = false, symmetries = false, sweep = false, quiet = false;
  int threads = 0;
  Path weights, save_inputs, save_results, plot;
  std::string network = "lite";
  IfThere if_there = IfThere::refuse;
  std::string format = "text";
  std::vector<Path> outputs;
};

/// "2", "2.5" or "2x3.5" (across x down).
inline Scale parse_scale(const std::string& text) {
  Scale scale{0, 0, text};
  const std::size_t cross = text.find_first_of("xX");
  const bool good = cross == std::string::npos ? parse_number(text, scale.x)
                                               : parse_number(text.substr(0, cross), scale.x) &&
                                                     parse_number(text.substr(cross + 1), scale.y);
  if (cross == std::string::npos) scale.y = scale.x;
  if (!good || !(scale.x >= 1 && scale.x <= 1000 && scale.y >= 1 && scale.y <= 1000))
    throw CLI::ValidationError("--scales", "\"" + text +
                                               "\" is no scale; give numbers from 1 to 1000 such "
                                               "as 2, 2.5 or 2x3.5 (across x down).");
  return scale;
}

/// FROM:TO:STEP, both ends included.
inline std::vector<Scale> parse_sweep(const std::string& text) {
  double from = 0, to = 0, step = 0;
  const std::size_t a = text.find(':'), b = text.find(':', a + 1);
  const bool good =
      a != std::string::npos && b != std::string::npos && parse_number(text.substr(0, a), from) &&
      parse_number(text.substr(a + 1, b - a - 1), to) && parse_number(text.substr(b + 1), step);
  if (!good || !(from >= 1 && to > from && to <= 1000 && step >= 0.001))
    throw CLI::ValidationError("--sweep", "\"" + text +
                                              "\" is no range of scales; give FROM:TO:STEP, such "
                                              "as 1.1:8:0.1.");
  std::vector<Scale> scales;
  for (int i = 0; from + i * step <= to + step * 1e-6; ++i) {
    char written[32];
    std::snprintf(written, sizeof written, "%.6g", from + i * step);
    scales.push_back(parse_scale(written));
  }
  return scales;
}

/// "blur:1.2", "noise:5", "jpeg:75" or "jpeg:75:444".
inline Degradation parse_degradation(const std::string& text) {
  Degradation made{.text = text};
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  std::string value = colon == std::string::npos ? "" : text.substr(colon + 1);
  double least = 0, most = 0;
  if (name == "blur") {
    least = 0.1, most = 20;
  } else if (name == "noise") {
    made.kind = Degradation::Kind::noise;
    least = 0.1, most = 100;
  } else if (name == "jpeg") {
    made.kind = Degradation::Kind::jpeg;
    least = 1, most = 100;
    const std::size_t end = value.size() < 4 ? value.size() : value.size() - 4;
    made.full_colour = value.substr(end) == ":444";
    if (made.full_colour || value.substr(end) == ":420") value.resize(end);
  }
  const bool good = most > 0 && parse_number(value, made.amount) && made.amount >= least &&
                    made.amount <= most &&
                    (name != "jpeg" || made.amount == std::floor(made.amount));
  if (!good)
    throw CLI::ValidationError(
        "--degrade", "\"" + text +
                         "\" is no degradation; give blur:1.2 (0.1 to 20 pixels of the truth), "
                         "noise:5 (0.1 to 100 levels), jpeg:75 or jpeg:75:444 (quality 1 to 100).");
  if (made.kind == Degradation::Kind::jpeg && jpeg_encoder().empty())
    throw CLI::ValidationError("--degrade",
                               "This program was built without a JPEG encoder. Install libjpeg "
                               "(Debian: apt install libjpeg-dev) and build it again.");
  return made;
}

/// Each kind once at most, in the order in which they happen.
inline std::vector<Degradation> parse_degradations(const std::vector<std::string>& texts) {
  std::vector<Degradation> all;
  for (const std::string& text : texts) all.push_back(parse_degradation(text));
  const auto before = [](const Degradation& a, const Degradation& b) { return a.kind < b.kind; };
  std::stable_sort(all.begin(), all.end(), before);
  for (std::size_t i = 1; i < all.size(); ++i)
    if (all[i].kind == all[i - 1].kind)
      throw CLI::ValidationError("--degrade", all[i - 1].text + " and " + all[i].text +
                                                  " are of one kind. Give one of them.");
  return all;
}

/// Fills `options`; the result is an exit code when the program is to end here (help, mistakes).
inline std::optional<int> parse(int argc, char** argv, EvaluateOptions& options) {
  CLI::App app{"Measures PSNR and SSIM of EQSR weights, and of bicubic interpolation beside them.",
               "evaluate"};
  app.set_help_flag("-h,--help", "Show this text");
  app.allow_windows_style_options(false);  // paths may begin with a slash
  std::string protocol = "basicsr", inputs = "protocol", sweep;
  std::vector<std::string> scales;
  int border = 0;

  app.add_option("folders", options.folders, "Folders of PNG or JPEG files: the truth")->required();
  auto* s = app.add_option("-s,--scales", scales, "Scales such as 2,3,4,2.5,2x3.5; 2,3,4 if none")
                ->delimiter(',')
                ->allow_extra_args(false);
  auto* sw =
      app.add_option("--sweep", sweep, "FROM:TO:STEP instead: a curve over the scale")->excludes(s);
  app.add_option("-p,--protocol", protocol, "How results are compared; see below")
      ->check(CLI::IsMember([] {
        std::vector<std::string> names;
        for (const Protocol& known : protocols()) names.push_back(known.name);
        return names;
      }()));
  app.add_option("--inputs", inputs, "The filter that makes inputs: matlab, pillow or protocol")
      ->check(CLI::IsMember({"matlab", "pillow", "protocol"}));
  std::vector<std::string> degradations;
  auto* d = app.add_option("--degrade", degradations,
                           "Spoil the inputs: blur:1.2, noise:5, jpeg:75 or jpeg:75:444; see below")
                ->delimiter(',')
                ->allow_extra_args(false);
  app.add_option("--seed", options.seed, "Of the noise; 1 if not given")->needs(d);
  auto* b =
      app.add_option("--border", border, "Pixels that do not count, instead of the protocol's")
          ->check(CLI::Range(0, 10000));
  app.add_flag("--grey-as-rgb", options.grey_as_rgb,
               "Measure the Y of one-channel pictures like that of coloured ones (+1.32 dB)");
  auto* m = app.add_option("-m,--weights", options.weights,
                           "A .safetensors or .pth file; a shipped one if not given");
  auto* n = add_network_option(app, options.network, m);
  auto* x =
      app.add_flag("-x,--symmetries", options.symmetries,
                   "The mean over the eight turned and mirrored pictures: eight times the time");
  app.add_option("-f,--format", options.format, "What is printed: text, csv, json or markdown")
      ->check(CLI::IsMember(format_names()));
  app.add_option("-o,--output", options.outputs, "Also write .txt, .csv, .json or .md files")
      ->allow_extra_args(false)
      ->check([](const std::string& path) {
        return format_of(path).empty()
                   ? path + ": The name of a table must end in .txt, .csv, .json or .md."
                   : std::string();
      });
  app.add_option("--plot", options.plot, "Where --sweep draws the curve; sweep.svg if not given")
      ->needs(sw);
  app.add_option("--save-inputs", options.save_inputs, "Keep the inputs in this folder, as PNG");
  app.add_option("--save-results", options.save_results, "Keep the enlarged pictures in this one");
  bool overwrites = false;
  app.add_flag("--overwrite", overwrites, "Replace tables, curves and pictures that are there");
  auto* j = app.add_option("-j,--threads", options.threads, "Threads; 0 takes every core")
                ->check(CLI::Range(0, 4096));
  app.add_flag("--no-network", options.no_network, "Bicubic interpolation only")
      ->excludes(m, n, j, x);
  app.add_flag("-q,--quiet", options.quiet, "No progress");

  std::string about =
      "The truth is cropped so that its size is the input's times the scale (ties to even), then\n"
      "reduced to the input. Scales x2, x3, x4 of eqsr and liif take MATLAB's filter, others\n"
      "Pillow's; basicsr always takes MATLAB's. The bicubic rows enlarge by the same filter.\n"
      "PSNR and SSIM are means over pictures; Y is that of BT.601.\n\n"
      "Degradations, several with commas between, happen in this order: blur of the truth before\n"
      "it is reduced (a Gaussian's deviation in its pixels), then noise (deviation in levels of\n"
      "255) and JPEG (quality; 4:2:0, or 4:4:4) of the input. Bicubic sees the same inputs.\n\n"
      "Protocols:\n";
  for (const Protocol& known : protocols())
    about += "  " + known.name + std::string(12 - known.name.size(), ' ') +
             std::string(known.text) + "\n";
  app.footer(
      about +
      "\nExamples:\n"
      "  evaluate Set5 Set14 --scales 2,3,4 -o quality.json -o quality.md\n"
      "  evaluate Set5 --sweep 1.1:8:0.1 --plot sweep.svg\n"
      "\nExit codes: 0 done; 1 a picture failed (the table holds the others); 2 the command\n"
      "line is wrong; 3 the weights cannot be used.");
  try {
    app.parse(argc, argv);
    if (scales.empty()) scales = {"2", "3", "4"};
    options.sweep = !sweep.empty();
    if (options.sweep)
      options.scales = parse_sweep(sweep);
    else
      for (const std::string& text : scales) options.scales.push_back(parse_scale(text));
    options.degradations = parse_degradations(degradations);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (overwrites) options.if_there = IfThere::overwrite;
  if (options.sweep && options.plot.empty()) options.plot = "sweep.svg";
  for (const Protocol& known : protocols())
    if (known.name == protocol) options.protocol = known;
  if (inputs != "protocol")
    options.protocol.filter = inputs == "matlab" ? Filter::matlab : Filter::pillow;
  if (*b) options.border = border;
  return {};
}

}  // namespace tool
