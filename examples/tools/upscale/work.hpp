// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "background_writer.hpp"
#include "common/failure.hpp"
#include "common/interrupt.hpp"
#include "common/memory.hpp"
#include "common/picture/read_picture.hpp"
#include "common/progress.hpp"
#include "common/symmetries.hpp"
#include "files.hpp"
#include "job_queue.hpp"
#include "options.hpp"
#include "pictures.hpp"
#include "upscaler.hpp"

namespace tool {

/// The bytes of an image in memory.
inline std::size_t bytes_of(eqsr::Size size, int channels) {
  return static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) *
         static_cast<std::size_t>(channels) * sizeof(float);
}

/// Pictures through the network: while one is computed, the next is read and the one before is
/// encoded and written, as far as memory allows. Results do not depend on it.
class Work {
 public:
  /// One of `workers`, which share the memory of this machine.
  Work(Upscaler& upscaler, const Options& options, Progress& progress, std::size_t workers = 1)
      : upscaler_(upscaler),
        options_(options),
        progress_(progress),
        workers_(workers),
        existing_(existing_for(options.if_there, options.into_folder())) {}

  /// Every picture that is not done; failures are left in `progress`.
  void run(std::span<const Job> jobs) {
    JobQueue queue(jobs);
    run(queue);
  }
  /// The pictures that nobody else takes, as worker number `worker`. False if the device failed
  /// and there are others: then this one takes no more.
  bool run(JobQueue& jobs, std::size_t worker = 0) {
    const Job* job = next(jobs, worker);
    if (!job) return true;
    set_budget(jobs.size() > 1);
    BackgroundWriter writer(options_.overlap, behind_);
    std::future<std::optional<eqsr::Picture>> reading = read_ahead(*job);
    while (job && !lost_) {
      stop_if_interrupted();
      auto here = std::move(reading);
      const Job* const after = next(jobs, worker);
      if (options_.overlap) here.wait();  // one picture ahead, not two
      if (after) reading = read_ahead(*after);
      if (const auto failure = failure_of(job->from.string(), [&] { enlarge(*job, here, writer); }))
        tell(*job, 0, *failure);
      job = after;
    }
    if (job) jobs.give_back(job);
    writer.wait();
    stop_if_interrupted();
    return !lost_;
  }

 private:
  /// One output on its way to its file; failures end it and are told when it is finished.
  struct Result {
    explicit Result(Item what) : item(std::move(what)) {}

    Item item;
    std::optional<eqsr::OutputFile> file;
    std::unique_ptr<PngWriter> rows;
    std::optional<Failure> failure;
    std::atomic<bool> failed = false;

    template <class F>
    void go_on(F&& f) {
      if (failed) return;
      failure = failure_of(item.from, std::forward<F>(f));
      failed = failure.has_value();
    }
  };
  struct Failed {};

  /// The next job that has something to do, or null.
  const Job* next(JobQueue& jobs, std::size_t worker) {
    while (const Job* job = jobs.take(worker)) {
      for (const auto& to : job->to)
        if (wanted(to, options_)) return job;
      for (const auto& to : job->to) progress_.skipped({job->from.string(), to.string()});
    }
    return nullptr;
  }
  /// A failure of a result.
  void tell(const Job& job, std::size_t wish, const Failure& failure) {
    progress_.failed({job.from.string(), job.to[wish].string()}, failure);
    lost_ = lost_ || (workers_ > 1 && failure.code == "device_error");
  }

  void set_budget(bool many) {
    many_ = many;
    total_ = (options_.max_memory > 0 ? options_.max_memory : eqsr::free_memory() / 2) / workers_;
    std::tie(ahead_, behind_) = queues(total_);
  }
  /// The bytes of `total` for pictures that are read ahead, and for results that wait.
  [[nodiscard]] std::pair<std::size_t, std::size_t> queues(std::size_t total) const {
    const auto part = [&](std::size_t share, std::size_t most) {
      return options_.overlap ? std::min(total / share, most) : std::size_t{0};
    };
    if (!many_) return {0, part(16, 16'000'000)};
    return {part(8, 256'000'000), part(8, 256'000'000)};
  }

  [[nodiscard]] eqsr::Picture read(
      const Job& job, std::size_t max_pixels,
      const std::function<void(const eqsr::PictureSize&)>& on_size = {}) const {
    eqsr::ReadOptions read;
    read.max_pixels = max_pixels;
    read.on_note = [this](const std::string& note) { progress_.note(note); };
    read.on_size = on_size;
    eqsr::Picture picture = tool::read_picture(job.from.string(), read);
    picture.grey = picture.grey && !options_.rgb;
    picture.image = fitted(std::move(picture.image), options_, job, read.on_note);
    picture.metadata = fitted(std::move(picture.metadata), picture.grey, job, read.on_note);
    return picture;
  }

  /// The largest result that is wanted: the budget that it needs does for the others.
  [[nodiscard]] std::size_t largest(const Job& job, const auto& low) const {
    return options_.largest_wish(low.height, low.width,
                                 [&](std::size_t i) { return wanted(job.to[i], options_); });
  }

  /// Compares what reading and the largest result will take with the budget.
  void expect_room(const Job& job, const eqsr::PictureSize& low) {
    std::error_code unknown;
    const std::uintmax_t file = std::filesystem::file_size(job.from, unknown);
    // The file is in memory twice, as it is and without what no decoder needs.
    const std::size_t reading = low.bytes + (unknown ? 0 : 2 * static_cast<std::size_t>(file));
    const std::size_t i = largest(job, low);
    const Upscaler::Sizes s =
        sizes(low, options_.target_for(options_.wishes[i], low.height, low.width));
    const bool rows =
        !options_.symmetries && !options_.share_trunk && in_rows(job.to[i], low.channels);
    (void)need_of(job.from.string(), s, rows, rows ? 0 : result_bytes(job.to[i], s), reading);
  }

  /// Nothing if the picture is too large to be read before its turn.
  std::future<std::optional<eqsr::Picture>> read_ahead(const Job& job) const {
    constexpr std::size_t bytes_per_pixel = 48;  // as floats, decoded and encoded
    const std::size_t limit = ahead_ / bytes_per_pixel;
    return std::async(limit > 0 ? std::launch::async : std::launch::deferred,
                      [this, &job, limit]() -> std::optional<eqsr::Picture> {
                        if (limit == 0) return std::nullopt;
                        try {
                          return read(job, std::min(limit, max_pixels()));
                        } catch (const eqsr::Error& error) {
                          if (error.code() == "image_limit") return std::nullopt;
                          throw;
                        }
                      });
  }
  [[nodiscard]] std::size_t max_pixels() const {
    return static_cast<std::size_t>(options_.max_megapixels * 1e6);
  }

  void enlarge(const Job& job, std::future<std::optional<eqsr::Picture>>& reading,
               BackgroundWriter& writer) {
    const auto start = std::chrono::steady_clock::now();
    std::optional<eqsr::Picture> picture = reading.get();
    if (!picture)
      picture = read(job, max_pixels(), [&](const auto& low) { expect_room(job, low); });
    bool kept = false;  // the trunk of this picture
    for (std::size_t i = 0; i < job.to.size(); ++i) {
      if (!wanted(job.to[i], options_)) {
        progress_.skipped({job.from.string(), job.to[i].string()});
        continue;
      }
      auto result = std::make_shared<Result>(Item{job.from.string(), job.to[i].string(), start});
      const auto failure = failure_of(job.from.string(), [&] {
        const eqsr::Image& image = picture->image;
        const auto target = [&](std::size_t wish) {
          return options_.target_for(options_.wishes[wish], image.height, image.width);
        };
        shown_ = [&, item = &result->item](double done, std::string_view stage) {
          stop_if_interrupted();
          if (result->failed) throw Failed{};
          progress_.show(*item, (done_ + done) * share_, stage);
        };
        open_target(*result, eqsr::resolve(target(i), image.height, image.width));
        if (options_.share_trunk && image.channels == 3 && !kept) {
          const std::size_t most = largest(job, image);  // its budget does for the trunk too
          const Upscaler::Sizes s = sizes(image, target(most));
          (void)need_of(result->item.from, s, false, result_bytes(job.to[most], s));
          limit(ahead_ + behind_);
          upscaler_.keep_trunk(image.pixels, sizes(image, target(0)), shown_);
          kept = true;
        }
        try {
          compute(result, *picture, target(i), kept, writer);
        } catch (const Failed&) {  // finish() tells why
        }
        finish(std::move(result), writer);
      });
      if (failure) tell(job, i, *failure);
      if (lost_) return;
    }
  }

  /// Tries before the computation what would fail behind it.
  void open_target(Result& result, eqsr::Size size) const {
    if (const Format* format = format_of_name(result.item.to))
      expect_sides(*format, size.width, size.height, result.item.from);
    result.file.emplace(result.item.to, existing_);
  }

  [[nodiscard]] static Upscaler::Sizes sizes(const auto& image, const eqsr::Target& target) {
    const eqsr::Size size = eqsr::resolve(target, image.height, image.width);
    return {image.height, image.width, image.channels, size.height, size.width};
  }
  /// Leaves the computation what does not take `bytes` of this machine's memory.
  void limit(std::size_t bytes) {
    upscaler_.limit(upscaler_.on_host() ? total_ - bytes : options_.max_memory,
                    options_.band_height);
  }

  /// What a computation needs when it is left what the queues and `extra` do not take. Before it,
  /// `reading` bytes are needed.
  Upscaler::Need need_of(const std::string& from, const Upscaler::Sizes& s, bool rows,
                         std::size_t extra, std::size_t reading = 0) {
    if (options_.max_memory == 0) total_ = (eqsr::free_memory() + upscaler_.held(s)) / 2 / workers_;
    const std::size_t taken = ahead_ + behind_ + extra;
    const bool host = upscaler_.on_host();
    const auto need_within = [&](std::size_t total, std::size_t beside) {
      std::optional<Upscaler::Need> need;
      if (host ? total <= beside || total < reading : total_ < reading) return need;
      if (host) total -= beside;
      upscaler_.limit(total, options_.band_height);
      try {
        need = upscaler_.plan(s, rows);
        if (options_.symmetries && s.height != s.width)  // turned by a quarter too
          need->bytes = std::max(
              need->bytes,
              upscaler_.plan({s.width, s.height, s.channels, s.new_width, s.new_height}, rows)
                  .bytes);
      } catch (const eqsr::Error& error) {
        if (error.code() != "memory_budget") throw;
        need.reset();
      }
      return need;
    };
    std::optional<Upscaler::Need> found = need_within(host ? total_ : options_.max_memory, taken);
    if (!found && !host) static_cast<void>(upscaler_.plan(s, rows));  // throws
    if (!found)
      throw eqsr::Error(
          "memory_budget",
          too_little_memory(eqsr::say(from, ": ", s.new_width, " x ", s.new_height, " pixels"),
                            total_, options_.max_memory > 0, [&](std::size_t total) {
                              const auto [ahead, behind] = queues(total);
                              return need_within(total, ahead + behind + extra).has_value();
                            }));
    limit(taken);
    found->bytes += taken;
    return *found;
  }
  /// Beside the computation, of a result that is whole.
  [[nodiscard]] std::size_t result_bytes(const std::filesystem::path& to,
                                         const Upscaler::Sizes& sizes) const {
    const eqsr::Size high{sizes.new_height, sizes.new_width};
    const std::size_t turned =
        2 * bytes_of(high, sizes.channels) + bytes_of({sizes.height, sizes.width}, sizes.channels);
    return encoding_bytes(to, high, sizes.channels) + (options_.symmetries ? turned : 0);
  }

  /// Says what is coming.
  void plan(const Result& result, const eqsr::Image& image, const eqsr::Target& target, bool rows,
            std::size_t extra) {
    const eqsr::Size size = eqsr::resolve(target, image.height, image.width);
    const Upscaler::Need need = need_of(result.item.from, sizes(image, target), rows, extra);
    progress_.detail(eqsr::say(result.item.from, ": ", image.width, " x ", image.height,
                               " becomes ", size.width, " x ", size.height, "; ",
                               megabytes(double(need.bytes)), " of memory, ",
                               std::round(need.flops / 1e7) / 100, " Gflop"));
  }

  void compute(const std::shared_ptr<Result>& result, const eqsr::Picture& picture,
               const eqsr::Target& target, bool kept, BackgroundWriter& writer) {
    const eqsr::Image& image = picture.image;
    const eqsr::Size size = eqsr::resolve(target, image.height, image.width);
    const Path to = result->item.to;
    const eqsr::WriteOptions write{.quality = options_.quality.value_or(95),
                                   .bits = options_.bits != 0 ? options_.bits : picture.bits,
                                   .metadata = picture.metadata};
    const bool grey = picture.grey;
    done_ = 0;
    share_ = 1;
    if (!options_.symmetries && !kept && in_rows(to, image.channels)) {
      plan(*result, image, target, true, 0);
      result->rows = std::make_unique<PngWriter>(*result->file, size.width, size.height,
                                                 grey ? 1 : 3, write.bits, write.metadata);
      const auto count = static_cast<std::size_t>(size.width) * 3;
      upscaler_.run_rows(
          image.pixels, sizes(image, target), {},
          [&](const float* row) {
            if (result->failed) throw Failed{};
            writer.post(count * sizeof(float),
                        [result, grey, copy = std::vector<float>(row, row + count)]() mutable {
                          if (grey) eqsr::to_grey(copy.data(), copy.size() / 3, copy.data());
                          result->go_on([&] { result->rows->write_row(copy.data()); });
                        });
          },
          shown_);
      stop_if_interrupted();
      writer.post(0, [result] {
        if (interrupted_by == 0) result->go_on([&] { result->rows->finish(); });
        result->rows.reset();
        result->file.reset();
      });
      return;
    }
    plan(*result, image, target, false, result_bytes(to, sizes(image, target)));
    auto high = std::make_shared<eqsr::Image>(
        options_.symmetries ? averaged(image, size)
                            : eqsr::Image{size.height, size.width, image.channels,
                                          kept ? upscaler_.run_kept(sizes(image, target), shown_)
                                               : upscaler_.run(image.pixels, sizes(image, target),
                                                               int(options_.alpha), shown_)});
    stop_if_interrupted();
    if (grey) *high = eqsr::grey_image(*high);
    const std::size_t held =
        bytes_of(size, image.channels) + encoding_bytes(to, size, image.channels);
    writer.post(held, [result, to, write, quality = options_.quality, high = std::move(high)] {
      if (interrupted_by == 0)
        result->go_on([&] { write_picture(*result->file, to, *high, write, quality); });
      result->file.reset();
    });
  }

  eqsr::Image averaged(const eqsr::Image& image, eqsr::Size size) {
    share_ = 1.0 / 8;
    return mean_of_symmetries(image, size, [&](const eqsr::Image& low, eqsr::Size turned) {
      eqsr::Image high{
          turned.height, turned.width, low.channels,
          upscaler_.run(low.pixels,
                        {low.height, low.width, low.channels, turned.height, turned.width},
                        int(options_.alpha), shown_)};
      ++done_;
      return high;
    });
  }

  void finish(std::shared_ptr<Result> result, BackgroundWriter& writer) {
    writer.post(0, [this, result = std::move(result)] {
      if (result->failed && result->failure->code == "file_exists" &&
          options_.if_there == IfThere::skip)  // somebody else made it in the meantime
        progress_.skipped(result->item);
      else if (result->failed)
        progress_.failed(result->item, *result->failure);
      else if (interrupted_by == 0)
        progress_.written(result->item);
    });
  }

  Upscaler& upscaler_;
  Upscaler::Progress shown_;
  const Options& options_;
  Progress& progress_;
  const std::size_t workers_;
  const eqsr::Existing existing_;
  bool lost_ = false;                               // the device
  bool many_ = false;                               // pictures
  std::size_t total_ = 0, ahead_ = 0, behind_ = 0;  // bytes
  double done_ = 0, share_ = 1;                     // of the passes over one result
};

}  // namespace tool
