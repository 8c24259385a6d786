// SPDX-License-Identifier: Apache-2.0
// upscale: enlarges pictures by any factor or to any size. `upscale --help` shows how.
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>

#include "upscale/files.hpp"
#include "upscale/memory.hpp"
#include "upscale/options.hpp"
#include "upscale/pictures.hpp"
#include "upscale/progress.hpp"
#include "upscale/upscaler.hpp"
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

void upscale_one(Upscaler& upscaler, const Options& options, const Job& job) {
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

  const eqsr::Size size =
      eqsr::resolve(options.target_for(image.height, image.width), image.height, image.width);
  const Upscaler::Sizes sizes{image.height, image.width, image.channels, size.height, size.width};
  const eqsr::WriteOptions write{.quality = options.quality,
                                 .bits = options.bits != 0 ? options.bits : picture.bits,
                                 .metadata = std::move(picture.metadata)};
  const bool rows = in_rows(job.to, image);
  const std::size_t allowed = options.max_memory > 0 ? options.max_memory : eqsr::free_memory() / 2;
  const std::size_t encoding = rows ? 0 : encoding_bytes(size, image.channels);
  EQSR_EXPECTS(allowed > encoding, "memory_budget", job.from.string(), ": ", size.width, " x ",
               size.height, " pixels need ", megabytes(double(encoding)),
               " of memory to be encoded alone, but only ", megabytes(double(allowed)),
               " are allowed. Choose a smaller size or PNG, or allow more with --max-memory.");
  upscaler.limit(upscaler.on_host() ? allowed - encoding : options.max_memory, options.band_height);
  const Upscaler::Need plan = upscaler.plan(sizes, rows);
  if (options.verbose)
    std::fprintf(stderr, "%s: %d x %d becomes %d x %d; %s of memory, %.3g Gflop\n", name.c_str(),
                 image.width, image.height, size.width, size.height,
                 megabytes(double(plan.bytes + encoding)).c_str(), plan.flops / 1e9);

  const auto progress = [&](double done, std::string_view stage) {
    stop_if_interrupted();
    bar.show(done, stage);
  };
  if (job.to.has_parent_path()) std::filesystem::create_directories(job.to.parent_path());
  if (rows) {
    PngWriter writer(job.to, size.width, size.height, 3, write.bits, write.metadata);
    upscaler.run_rows(
        image.pixels, sizes, [&](const float* row) { writer.write_row(row); }, progress);
    stop_if_interrupted();
    writer.finish();
  } else {
    const eqsr::Image high{size.height, size.width, image.channels,
                           upscaler.run(image.pixels, sizes, int(options.alpha), progress)};
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

int upscale_all(Upscaler& upscaler, const Options& options, const std::vector<Job>& jobs) {
  std::size_t failed = 0;
  for (const Job& job : jobs) {
    stop_if_interrupted();
    std::error_code unknown;
    if (options.skip_existing && std::filesystem::exists(job.to, unknown)) {
      if (options.verbose) std::fprintf(stderr, "%s: already there, skipped\n", job.to.c_str());
      continue;
    }
    try {
      upscale_one(upscaler, options, job);
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

std::unique_ptr<Upscaler> open_on_cpu(eqsr::Context<eqsr::Cpu>& ctx, const Options& options,
                                      const std::string& path) {
  const eqsr::Limits limits{.sha256 = options.sha256};
  std::optional<eqsr::StateDict> weights = eqsr::StateDict::open(path, limits);
  std::unique_ptr<Upscaler> upscaler;
  with_configuration(*weights, path, [&]<eqsr::Config config>() {
    weights.reset();  // the memory is better used for pictures
    auto net = eqsr::load<config>(ctx, path, limits);
    const std::string text = eqsr::say(path, ": ", eqsr::parameter_count(net), " parameters; ",
                                       ctx.threads(), " threads");
    upscaler = std::make_unique<NetUpscaler<eqsr::Context<eqsr::Cpu>, decltype(net)>>(
        ctx, std::move(net), options.encoding, text);
    return 0;
  });
  return upscaler;
}

/// The number after `cuda:`, 0 for `cuda` alone, nothing for another word.
std::optional<int> cuda_device(const std::string& word) {
  if (word == "cuda") return 0;
  int number = 0;
  if (word.starts_with("cuda:") && CLI::detail::lexical_cast(word.substr(5), number) && number >= 0)
    return number;
  return {};
}

std::unique_ptr<Upscaler> open(eqsr::Context<eqsr::Cpu>& ctx, const Options& options) {
  const std::optional<int> cuda = cuda_device(options.device);
  if (!cuda && options.device != "cpu" && options.device != "-1")
    throw NoDevice("There is no device \"" + options.device + "\" here. Give cpu or cuda.");
#if !defined(EQSR_TOOL_CUDA)
  if (cuda)
    throw NoDevice("This program was built without CUDA, so it has no device \"" + options.device +
                   "\". Build it where nvcc is, or leave out --device.");
#endif
  const std::string path =
      (options.weights.empty() ? find_shipped_weights() : options.weights).string();
#if defined(EQSR_TOOL_CUDA)
  if (cuda) return open_on_cuda(*cuda, options.precision, path, options.encoding, options.sha256);
#endif
  return open_on_cpu(ctx, options, path);
}

int run(const Options& options) {
  std::vector<Job> jobs;
  try {
    jobs = list_jobs(options);
  } catch (const std::exception& error) {  // also folders that may not be read
    std::fprintf(stderr, "upscale: %s\n", error.what());
    return usage;
  }
  eqsr::Context<eqsr::Cpu> ctx(options.threads);
  std::unique_ptr<Upscaler> upscaler;
  try {
    upscaler = open(ctx, options);
  } catch (const NoDevice& error) {
    std::fprintf(stderr, "upscale: %s\n", error.what());
    return no_device;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "upscale: %s\n", error.what());
    return weights_failed;
  }
  if (options.verbose) std::fprintf(stderr, "%s\n", upscaler->text().c_str());
  return upscale_all(*upscaler, options, jobs);
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
