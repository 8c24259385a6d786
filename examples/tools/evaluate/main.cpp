// SPDX-License-Identifier: Apache-2.0
// evaluate: PSNR and SSIM of weights on folders of pictures. `evaluate --help` shows how.
#include <eqsr/alpha.hpp>
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <new>

#include "common/isa.hpp"
#include "common/output_plan.hpp"
#include "common/picture/read_picture.hpp"
#include "common/picture_folder.hpp"
#include "common/progress.hpp"
#include "common/symmetries.hpp"
#include "common/system.hpp"
#include "common/weights.hpp"
#include "options.hpp"
#include "protocol.hpp"
#include "report.hpp"
#include "sweep.hpp"

namespace tool { namespace {

namespace fs = std::filesystem;

/// Enlarges an image to a height and a width; empty where only the baseline is wanted.
using Network = std::function<eqsr::Image(const eqsr::Image&, int height, int width)>;

/// A folder of pictures; Set5 of path/to/Set5/.
struct Set {
  std::string name;
  std::vector<fs::path> pictures{};
};

Set set_of(const fs::path& folder) {
  EQSR_EXPECTS(fs::is_directory(folder), "usage", folder.string(),
               ": This is no folder. Name folders of pictures.");
  const fs::path whole = fs::absolute(folder).lexically_normal();
  Set set{(whole.has_filename() ? whole : whole.parent_path()).filename().string()};
  const PictureFolder found = pictures_in(folder);
  for (const fs::path& name : found.names) set.pictures.push_back(folder / name);
  EQSR_EXPECTS(!set.pictures.empty(), "usage", folder.string(), ": There is no ", extensions(true),
               " in this folder. Name a folder of pictures. ", found.left_out);
  if (!found.left_out.empty()) std::fprintf(stderr, "evaluate: note: %s\n", found.left_out.c_str());
  return set;
}

fs::path saved_as(const fs::path& root, const std::string& set, const Scale& scale,
                  const fs::path& picture, const char* suffix) {
  return root / set / ("x" + scale.text) / (picture.stem().string() + suffix + ".png");
}

/// Plans everything that will be read and written, and makes the folders for it.
void make_room(const EvaluateOptions& options, const std::vector<Set>& sets) {
  OutputPlan plan(options.if_there, "Give --overwrite to replace what is there.");
  if (!options.weights.empty()) plan.add_input(options.weights);
  const fs::path &inputs = options.save_inputs, &results = options.save_results;
  for (const Set& set : sets)
    for (const fs::path& picture : set.pictures) {
      plan.add_input(picture);
      for (const Scale& scale : options.scales) {
        const auto add = [&](const fs::path& root, const char* suffix) {
          plan.add_target({saved_as(root, set.name, scale, picture, suffix), picture, root});
        };
        if (!inputs.empty()) add(inputs, "");
        if (!results.empty()) add(results, "_bicubic");
        if (!results.empty() && !options.no_network) add(results, "");
      }
    }
  const fs::path all = "all pictures";
  for (const fs::path& table : options.outputs) plan.add_target({table, all});
  if (options.sweep) plan.add_target({options.plot, all});
  plan.check();
  plan.prepare();
}

void write_file(const fs::path& path, const std::string& text, eqsr::Existing existing) {
  eqsr::OutputFile out(path.string(), existing);
  out.write(text.data(), text.size());
  out.commit();
}

void save(const EvaluateOptions& options, const fs::path& path, const eqsr::Image& image) {
  write_file(path, eqsr::encode_image(".png", image), existing_for(options.if_there, true));
}

/// A test picture. Grey means a file of one channel: the MATLAB scripts behind the published tables
/// measure such a picture by its own values and not by 16 + 219/255 of them.
struct Picture {
  Bytes bytes;
  bool grey = false;
};

Picture read(const fs::path& path) {
  const eqsr::Picture picture = tool::read_picture(path.string());
  return {bytes_of(picture.image.channels == 4 ? eqsr::opaque(picture.image) : picture.image),
          picture.grey};
}

struct Judged {
  Quality bicubic, network;
  double bicubic_seconds = 0, network_seconds = 0;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Judged judge(const Picture& picture, const Scale& scale, const EvaluateOptions& options,
             const Network& network, const std::string& set, const fs::path& path) {
  const Protocol& protocol = options.protocol;
  const Filter filter = protocol.filter_for(scale);
  Border border = protocol.border_for(scale);
  if (options.border) border = {*options.border, *options.border};
  Case made = make_case(picture.bytes, scale, filter);
  if (!options.degradations.empty())
    made.low = degraded_input(made, filter, options.degradations,
                              seed_of(options.seed, path.filename().string(), scale.text));
  expect_room(made, border, scale);
  const eqsr::Image truth = image_of(made.truth), low = image_of(made.low);
  if (!options.save_inputs.empty())
    save(options, saved_as(options.save_inputs, set, scale, path, ""), low);
  const bool full_range = picture.grey && !options.grey_as_rgb;

  Judged judged;
  auto start = std::chrono::steady_clock::now();
  const Bytes bicubic = resample(made.low, made.truth.height, made.truth.width, filter);
  judged.bicubic_seconds = seconds_since(start);
  judged.bicubic = compare(image_of(bicubic), truth, border, full_range);
  if (!options.save_results.empty())
    save(options, saved_as(options.save_results, set, scale, path, "_bicubic"), image_of(bicubic));
  if (!network) return judged;

  start = std::chrono::steady_clock::now();
  eqsr::Image high = network(low, truth.height, truth.width);
  judged.network_seconds = seconds_since(start);
  if (!options.save_results.empty())
    save(options, saved_as(options.save_results, set, scale, path, ""), high);
  if (protocol.rounds)
    high = image_of(bytes_of(high));
  else
    for (float& value : high.pixels) value = std::clamp(value, 0.0f, 1.0f);
  judged.network = compare(high, truth, border, full_range);
  return judged;
}

/// Adds the rows of one set. A picture that fails at any scale counts at none, so that the
/// means of all scales are over the same pictures.
void evaluate_set(const Set& all, const EvaluateOptions& options, const Network& network,
                  const std::string& method, Report& report) {
  const auto& [set, pictures] = all;
  const std::size_t methods = network ? 2 : 1;
  std::vector<Row> rows;
  for (const Scale& scale : options.scales) {
    rows.push_back({set, scale.text, "bicubic"});
    if (network) rows.push_back({set, scale.text, method});
  }
  Progress progress(options.quiet ? Style::none : Style::bar, false);
  const Item item{set, set};
  for (std::size_t p = 0; p < pictures.size(); ++p) {
    const std::string name = pictures[p].filename().string();
    try {
      const Picture picture = read(pictures[p]);
      std::vector<Judged> judged;
      for (const Scale& scale : options.scales) {
        const double part = double(judged.size()) / double(options.scales.size());
        progress.show(item, (double(p) + part) / double(pictures.size()), name + " x" + scale.text);
        judged.push_back(judge(picture, scale, options, network, set, pictures[p]));
      }
      for (std::size_t i = 0; i < judged.size(); ++i) {
        rows[i * methods].images.push_back({name, judged[i].bicubic, judged[i].bicubic_seconds});
        if (network)
          rows[i * methods + 1].images.push_back(
              {name, judged[i].network, judged[i].network_seconds});
      }
    } catch (const std::bad_alloc&) {
      report.failures.push_back(pictures[p].string() +
                                ": There is not enough memory. Free some, or leave it out.");
    } catch (const std::exception& error) {
      const std::string said = error.what();
      const bool named = said.find(name) != std::string::npos;
      report.failures.push_back(named ? said : pictures[p].string() + ": " + said);
    }
  }
  for (Row& row : rows)
    if (!row.images.empty()) report.rows.push_back(std::move(row));
}

/// Prints and writes the tables; the curve too after a sweep. The result is an exit code.
int publish(Report report, const std::vector<Set>& sets, const EvaluateOptions& options) {
  const eqsr::Existing existing = existing_for(options.if_there, false);
  std::vector<std::pair<std::string, std::vector<Curve>>> panels;
  if (options.sweep)
    for (const auto& [set, pictures] : sets) {
      panels.emplace_back(set, curves_of(report, set));
      for (const Curve& curve : panels.back().second)
        report.trends.push_back({set, curve.name, curve.degradation_rate(), curve.roughness()});
    }
  std::fputs(text_of(report, options.format).c_str(), stdout);
  for (const fs::path& path : options.outputs)
    write_file(path, text_of(report, format_of(path)), existing);
  if (options.sweep) {
    for (const Trend& trend : report.trends) std::fprintf(stderr, "%s\n", sentence(trend).c_str());
    write_file(options.plot, draw(panels), existing);
    std::fprintf(stderr, "The curve is %s\n", options.plot.string().c_str());
  }
  for (const std::string& failure : report.failures)
    std::fprintf(stderr, "evaluate: %s\n", failure.c_str());
  if (report.failures.empty()) return 0;
  std::fprintf(stderr, "evaluate: %zu of the pictures failed; the table is without them.\n",
               report.failures.size());
  return 1;
}

Report new_report(const EvaluateOptions& options, const std::string& weights) {
  const auto filter = options.protocol.filter;
  const std::string border = options.border                 ? std::to_string(*options.border)
                             : options.protocol.eqsr_border ? "4 (6 at x6; 10 at x8)"
                             : options.protocol.added_border
                                 ? "scale + " + std::to_string(options.protocol.added_border)
                                 : "scale";
  return {{options.protocol.name,
           !filter                     ? "matlab (x2; x3; x4) and pillow"
           : *filter == Filter::matlab ? "matlab"
                                       : "pillow",
           border, weights, sentence(options.degradations)}};
}

int run(EvaluateOptions options) {
  for (Path* folder : {&options.save_inputs, &options.save_results})
    if (!folder->empty()) *folder = output_folder(*folder);
  std::vector<Set> sets;
  for (const fs::path& folder : options.folders) sets.push_back(set_of(folder));
  make_room(options, sets);
  const auto evaluate = [&](const Network& network, const std::string& path) {
    Report report = new_report(options, Path(path).filename().string());
    for (const Set& set : sets)
      evaluate_set(set, options, network,
                   Path(path).stem().string() + (options.symmetries ? " -x" : ""), report);
    return publish(std::move(report), sets, options);
  };
  if (options.no_network) return evaluate({}, "");

  eqsr::Context<eqsr::Cpu> ctx(options.threads);
  restrict_isa(ctx);
  bool loaded = false;
  try {
    const std::string path = weights_file(options.weights, options.network);
    return with_configuration(eqsr::StateDict::open(path), path, [&]<eqsr::Config config>() {
      const auto net = eqsr::load<config>(ctx, path, {.on_note = note_about_weights});
      loaded = true;
      const auto enlarge = [&](const eqsr::Image& low, eqsr::Size size) {
        return eqsr::upscale(ctx, net, low, {.height = size.height, .width = size.width});
      };
      const Network network = [&](const eqsr::Image& low, int height, int width) {
        return options.symmetries ? mean_of_symmetries(low, {height, width}, enlarge)
                                  : enlarge(low, {height, width});
      };
      return evaluate(network, path);
    });
  } catch (const eqsr::Error& error) {
    if (loaded) throw;
    std::fprintf(stderr, "evaluate: %s\n", error.what());
    return 3;
  }
}

}}  // namespace tool

int main(int argc, char** argv) {
  argv = tool::start_program(argc, argv);
  tool::EvaluateOptions options;
  if (const auto exit = tool::parse(argc, argv, options)) return *exit;
  try {
    return tool::run(options);
  } catch (const eqsr::Error& error) {
    std::fprintf(stderr, "evaluate: %s\n", error.what());
    return error.code() == "usage" ? 2 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "evaluate: %s\n", error.what());
    return 1;
  }
}
