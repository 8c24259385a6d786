// SPDX-License-Identifier: Apache-2.0
// upscale: enlarges pictures by any factor or to any size. `upscale --help` shows how.
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>

#include "upscale/files.hpp"
#include "upscale/memory.hpp"
#include "upscale/options.hpp"
#include "upscale/pictures.hpp"
#include "upscale/progress.hpp"
#include "upscale/weights.hpp"

namespace tool {
namespace {

volatile std::sig_atomic_t interrupted_by = 0;

struct Interrupted {};

/// The first Ctrl-C ends the work at the next step and removes what is half done; a second one
/// ends the program at once.
void listen_for_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { interrupted_by = signal; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // What cannot be written is an error with a sentence, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void stop_if_interrupted() {
  if (interrupted_by != 0) throw Interrupted{};
}

template <class Net>
void upscale_one(eqsr::Context<eqsr::Cpu>& ctx, const Net& net, const Options& options,
                 const Job& job) {
  const auto start = std::chrono::steady_clock::now();
  const std::string name = job.from.filename().string();
  ProgressBar bar(name);
  eqsr::ReadOptions read;
  read.max_pixels = static_cast<std::size_t>(options.max_megapixels * 1e6);
  read.on_note = [](const std::string& note) {
    std::fprintf(stderr, "upscale: note: %s\n", note.c_str());
  };
  eqsr::Picture picture = eqsr::read_picture(job.from.string(), read);
  const eqsr::Image image = fitted(std::move(picture.image), options, job);

  const eqsr::Target target = options.target_for(image.height, image.width);
  const eqsr::Size size = eqsr::resolve(target, image.height, image.width);
  const eqsr::WriteOptions write{.quality = options.quality,
                                 .bits = options.bits != 0 ? options.bits : picture.bits,
                                 .metadata = std::move(picture.metadata)};
  const bool rows = in_rows(job.to, image);
  ctx.band_height = options.band_height;
  ctx.max_memory = options.max_memory > 0 ? options.max_memory : eqsr::free_memory() / 2;
  const std::size_t encoding = rows ? 0 : encoding_bytes(size, image.channels);
  EQSR_EXPECTS(ctx.max_memory > encoding, "memory_budget", job.from.string(), ": ", size.width,
               " x ", size.height, " pixels need ", megabytes(double(encoding)),
               " of memory to be encoded alone, but only ", megabytes(double(ctx.max_memory)),
               " are allowed. Choose a smaller size or PNG, or allow more with --max-memory.");
  ctx.max_memory -= encoding;
  const auto plan = rows ? eqsr::plan_upscale_rows(ctx, net, image.height, image.width, target)
                         : eqsr::plan_upscale(ctx, net, image.height, image.width, target);
  if (options.verbose)
    std::fprintf(stderr, "%s: %d x %d becomes %d x %d; %s of memory, %.3g Gflop\n", name.c_str(),
                 image.width, image.height, size.width, size.height,
                 megabytes(double(plan.bytes + encoding)).c_str(), plan.cost.flops / 1e9);

  ctx.on_progress = [&](double done, std::string_view stage) {
    stop_if_interrupted();
    bar.show(done, stage);
  };
  if (job.to.has_parent_path()) std::filesystem::create_directories(job.to.parent_path());
  if (rows) {
    PngWriter writer(job.to, size.width, size.height, 3, write.bits, write.metadata);
    eqsr::upscale_rows(ctx, net, image, target, [&](eqsr::Index, eqsr::Plane<float, 3> band) {
      for (eqsr::Index y = 0; y < band.extent<'h'>(); ++y) writer.write_row(&band(y, 0, 0));
    });
    stop_if_interrupted();
    writer.finish();
  } else {
    const eqsr::Image high = eqsr::upscale(ctx, net, image, target, options.alpha);
    stop_if_interrupted();
    bar.show(1, "writing");
    write_picture(job.to, high, write);
  }
  bar.clear();
  if (options.verbose) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::fprintf(stderr, "%s: written to %s after %.2f s\n", name.c_str(), job.to.c_str(),
                 seconds.count());
  }
}

template <class Net>
int upscale_all(eqsr::Context<eqsr::Cpu>& ctx, const Net& net, const Options& options,
                const std::vector<Job>& jobs) {
  std::size_t failed = 0;
  for (const Job& job : jobs) {
    stop_if_interrupted();
    std::error_code unknown;
    if (options.skip_existing && std::filesystem::exists(job.to, unknown)) {
      if (options.verbose) std::fprintf(stderr, "%s: already there, skipped\n", job.to.c_str());
      continue;
    }
    try {
      upscale_one(ctx, net, options, job);
      continue;
    } catch (const std::bad_alloc&) {
      std::fprintf(stderr,
                   "upscale: %s: There is not enough memory. Choose a smaller size, or free "
                   "memory.\n",
                   job.from.c_str());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "upscale: %s\n", error.what());
    }
    ++failed;
  }
  if (failed > 0 && jobs.size() > 1)
    std::fprintf(stderr, "upscale: %zu of %zu images failed.\n", failed, jobs.size());
  return failed > 0 ? images_failed : ok;
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
    jobs = list_jobs(options);
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
