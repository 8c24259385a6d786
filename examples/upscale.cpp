// SPDX-License-Identifier: Apache-2.0
// upscale: enlarges pictures by any factor or to any size. `upscale --help` shows how.
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <cstdio>
#include <exception>
#include <optional>

#include "upscale/files.hpp"
#include "upscale/interrupt.hpp"
#include "upscale/options.hpp"
#include "upscale/progress.hpp"
#include "upscale/raw.hpp"
#include "upscale/weights.hpp"
#include "upscale/work.hpp"

namespace tool {
namespace {

template <class Net>
int upscale_all(eqsr::Context<eqsr::Cpu>& ctx, const Net& net, const Options& options,
                const std::vector<Job>& jobs) {
  Progress progress(options.progress, options.verbose);
  try {
    if (options.raw_width > 0) {
      progress.raw();
      const std::size_t frames = upscale_frames(ctx, net, options, progress);
      progress.detail(eqsr::say(frames, " frames"));
      return ok;
    }
    Work(ctx, net, options, progress).run(jobs);
  } catch (const std::exception& error) {
    progress.failed({"standard input", "standard output"}, error.what());
    return images_failed;
  }
  const auto& failures = progress.failures();
  if (failures.empty()) return ok;
  if (jobs.size() > 1) {
    std::fprintf(stderr, "upscale: %zu of %zu images failed:\n", failures.size(), jobs.size());
    for (const std::string& name : failures) std::fprintf(stderr, "  %s\n", name.c_str());
  }
  return images_failed;
}

int run(const Options& options) {
  if (options.device != "cpu" && options.device != "-1") {
    std::fprintf(stderr,
                 "upscale: There is no device \"%s\" here: this program computes on the "
                 "processor. Leave out --device, or give cpu.\n",
                 options.device.c_str());
    return no_device;
  }
  std::vector<Job> jobs;
  try {
    if (options.raw_width == 0) jobs = list_jobs(options);
  } catch (const std::exception& error) {  // also folders that may not be read
    std::fprintf(stderr, "upscale: %s\n", error.what());
    return usage;
  }
  eqsr::Context<eqsr::Cpu> ctx(options.threads);
  try {
    const std::string path =
        (options.weights.empty() ? find_shipped_weights() : options.weights).string();
    const eqsr::Limits limits{.sha256 = options.sha256};
    std::optional<eqsr::StateDict> weights = eqsr::StateDict::open(path, limits);
    return with_configuration(*weights, path, [&]<eqsr::Config config>() {
      weights.reset();  // the memory is better used for pictures
      auto net = eqsr::load<config>(ctx, path, limits);
      if (!options.encoding.empty())
        net.encoding =
            options.encoding == "division" ? eqsr::Encoding::division : eqsr::Encoding::reciprocal;
      if (options.verbose)
        std::fprintf(stderr, "%s: %td parameters; %d threads\n", path.c_str(),
                     eqsr::parameter_count(net), ctx.threads());
      return upscale_all(ctx, net, options, jobs);
    });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "upscale: %s\n", error.what());
    return weights_failed;
  }
}

}  // namespace
}  // namespace tool

int main(int argc, char** argv) {
  tool::Options options;
  if (const auto exit = tool::parse(argc, argv, options)) return *exit;
  tool::listen_for_signals();
  try {
    return tool::run(options);
  } catch (const tool::Interrupted&) {
    std::fputs("upscale: Interrupted; unfinished pictures were not written.\n", stderr);
    return 128 + static_cast<int>(tool::interrupted_by);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "upscale: %s\n", error.what());
    return tool::images_failed;
  }
}
