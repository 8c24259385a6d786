// SPDX-License-Identifier: Apache-2.0
// upscale: enlarges pictures by any factor or to any size. `upscale --help` shows how.
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <vector>

#include "common/interrupt.hpp"
#include "common/isa.hpp"
#include "common/progress.hpp"
#include "common/system.hpp"
#include "files.hpp"
#include "open.hpp"
#include "options.hpp"
#include "raw.hpp"
#include "share_out.hpp"

namespace tool { namespace {

int upscale_all(std::span<const std::unique_ptr<Upscaler>> devices, const Options& options,
                const Jobs& jobs) {
  Progress progress(options.progress, options.verbose);
  try {
    if (options.raw_width > 0) {
      progress.raw();
      const std::size_t frames = upscale_frames(*devices.front(), options, progress);
      progress.detail(eqsr::say(frames, " frames"));
      return ok;
    }
    jobs.plan.prepare();
    share_out(devices, options, progress, jobs.mine);
  } catch (const std::exception& error) {
    const Item frames{"standard input", "standard output"},
        files{options.input.string(), options.output.string()};
    progress.failed(options.raw_width > 0 ? frames : files, {"", error.what()});
    const auto* known = dynamic_cast<const eqsr::Error*>(&error);
    return known != nullptr && known->code() == "usage" ? usage : images_failed;
  }
  const auto& failures = progress.failures();
  if (failures.empty()) return ok;
  if (jobs.mine.size() == 1 && progress.only_misused()) return usage;
  if (jobs.mine.size() > 1) {
    std::fprintf(stderr, "upscale: %zu of %zu images failed:\n", failures.size(), jobs.mine.size());
    for (const std::string& name : failures) std::fprintf(stderr, "  %s\n", name.c_str());
  }
  return images_failed;
}

int run(const Options& options) {
  Jobs jobs;
  eqsr::Context<eqsr::Cpu> ctx(options.threads);
  try {
    restrict_isa(ctx);
    if (options.raw_width == 0) jobs = list_jobs(options);
    expect_sound(jobs, options);
  } catch (const std::exception& error) {  // also folders that may not be read
    std::fprintf(stderr, "upscale: %s\n", error.what());
    return usage;
  }
  std::vector<std::string> notes = options.notes;
  if (!jobs.left_out.empty()) notes.push_back(jobs.left_out);
  for (const std::string& note : notes) std::fprintf(stderr, "upscale: note: %s\n", note.c_str());
  std::vector<std::unique_ptr<Upscaler>> devices;
  try {
    devices = open(ctx, options);
  } catch (const NoDevice& error) {
    std::fprintf(stderr, "upscale: %s\n", error.what());
    return no_device;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "upscale: %s\n", error.what());
    return weights_failed;
  }
  if (options.verbose)
    for (const auto& device : devices) std::fprintf(stderr, "%s\n", device->text().c_str());
  return upscale_all(devices, options, jobs);
}

}}  // namespace tool

int main(int argc, char** argv) {
  argv = tool::start_program(argc, argv);
  tool::Options options;
  if (const auto exit = tool::parse(argc, argv, options)) return *exit;
  tool::listen_for_interrupts();
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
