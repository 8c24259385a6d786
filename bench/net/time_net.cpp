// SPDX-License-Identifier: Apache-2.0
// Times whole networks with synthetic parameters and prints one JSON line:
//
//     time_net --config base --height 64 --width 64 --scale 4 --threads 2 --repeats 3
//
// bench/peers/pytorch.py runs it beside PyTorch and prints the ratio.
#include <sys/resource.h>
#include <eqsr/eqsr.hpp>

#include "support/module.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct Options {
  std::string config = "base";
  int height = 64, width = 64, threads = 0, repeats = 3;
  eqsr::Storage storage = eqsr::Storage::both;
  double max_memory = 0;  // MB
  double scale = 4;
  eqsr::Isa isa = eqsr::best_isa();
};

constexpr const char* known_options =
    "--config base|lite, --height, --width, --scale, --threads, --repeats, --isa "
    "portable|avx2|avx512, --storage both|one|none and --max-memory MB";

Options parsed(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 1; i < arguments.size(); i += 2) {
    const std::string& name = arguments[i];
    EQSR_EXPECTS(i + 1 < arguments.size(), "bad_argument", name, " needs a value.");
    const std::string& value = arguments[i + 1];
    if (name == "--config")
      options.config = value;
    else if (name == "--height")
      options.height = std::atoi(value.c_str());
    else if (name == "--width")
      options.width = std::atoi(value.c_str());
    else if (name == "--threads")
      options.threads = std::atoi(value.c_str());
    else if (name == "--repeats")
      options.repeats = std::atoi(value.c_str());
    else if (name == "--scale")
      options.scale = std::atof(value.c_str());
    else if (name == "--isa")
      options.isa = eqsr::isa_called(value);
    else if (name == "--max-memory")
      options.max_memory = std::atof(value.c_str());
    else if (name == "--storage" && (value == "both" || value == "one" || value == "none"))
      options.storage = value == "both"  ? eqsr::Storage::both
                        : value == "one" ? eqsr::Storage::one
                                         : eqsr::Storage::none;
    else
      eqsr::detail::fail("bad_argument", {"The option ", name, " ", value,
                                          " is unknown; there are ", known_options, "."});
  }
  EQSR_EXPECTS(options.repeats > 0, "bad_argument", "--repeats must be positive.");
  return options;
}

/// Operations of the plain formulation: every product of the network as it is written down, one
/// multiply-add counted as two, padding included.
template <eqsr::Config config>
double plain_flops(int height, int width, eqsr::Size size) {
  constexpr double C = config.channels, L = config.latent, M = config.window;
  constexpr double Mo = config.key_window(), mlp = 2 * C * config.mlp_hidden();
  double token = 27 * C + 9 * C * C;
  for (int g = 0; g < config.groups(); ++g)
    token += 20 * C * C + 2 * Mo * Mo * C + 4 * C * C + mlp +
             (config.depths[static_cast<unsigned>(g)] - 1) * (4 * C * C + mlp + 2 * M * M * C);
  constexpr double block = 6 * L * L + 9 * L * L / 4 + L / 4 * 9 * L / 8 + 9 * L;
  constexpr double pixel = (C + 2 * config.encoded()) * L + 2 * block + 3 * L;
  const double tokens =
      double(eqsr::round_up(height, config.window)) * double(eqsr::round_up(width, config.window));
  return 2 * (token * tokens + pixel * double(size.height) * double(size.width));
}

template <eqsr::Config config>
void time_net(const Options& options) {
  using Clock = std::chrono::steady_clock;
  eqsr::Context<eqsr::Cpu> ctx(options.threads);
  ctx.use(options.isa);
  ctx.storage = options.storage;
  ctx.max_memory = static_cast<std::size_t>(options.max_memory * 1e6);
  eqsr::Net<config, eqsr::Cpu> net;
  eqsr_test::fill(net);
  const auto low = eqsr_test::image_map("input", options.height, options.width);
  const eqsr::Image image{options.height, options.width, 3, low.values};
  const eqsr::Target target{.scale = options.scale};
  const eqsr::Size size = eqsr::resolve(target, options.height, options.width);

  const eqsr::UpscalePlan plan = eqsr::plan_upscale(ctx, net, image.height, image.width, target);
  double sum = 0;
  for (const float value : eqsr::upscale(ctx, net, image, target).pixels) sum += double(value);
  std::vector<double> seconds;
  for (int i = 0; i < options.repeats; ++i) {
    const auto start = Clock::now();
    (void)eqsr::upscale(ctx, net, image, target);
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  const std::size_t n = seconds.size();
  const double median = (seconds[n / 2] + seconds[(n - 1) / 2]) / 2;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"seconds\": %.6f, \"plain_flops\": %.6g, \"fastest\": %.6f, \"slowest\": %.6f, "
      "\"config\": \"%s\", "
      "\"size\": \"%dx%d\", \"target\": \"%dx%d\", \"threads\": %d, \"isa\": \"%s\", "
      "\"repeats\": %d, \"gflops\": %.1f, \"workspace_mib\": %.1f, \"peak_mib\": %ld, "
      "\"mean\": %.6f}\n",
      median, plain_flops<config>(options.height, options.width, size), seconds.front(),
      seconds.back(), options.config.c_str(), options.height, options.width, size.height,
      size.width, ctx.threads(), eqsr::isa_name(ctx.isa()), options.repeats,
      plan.cost.flops / median * 1e-9, double(plan.workspace) / (1 << 20), usage.ru_maxrss / 1024,
      sum / double(3 * eqsr::Index(size.height) * size.width));
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::string(arguments[1]) == "--help") {
    std::printf("time_net times a network with synthetic parameters. Its options are %s.\n",
                known_options);
    return 0;
  }
  try {
    const Options options = parsed({arguments, arguments + count});
    if (options.config == "base")
      time_net<eqsr::base>(options);
    else if (options.config == "lite")
      time_net<eqsr::lite>(options);
    else
      eqsr::detail::fail("bad_argument",
                         {"The configuration ", options.config, " is unknown; use base or lite."});
  } catch (const eqsr::Error& error) {
    std::fprintf(stderr, "time_net: %s\n", error.what());
    return 2;
  }
}
