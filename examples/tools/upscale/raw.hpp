// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <cerrno>
#include <cstring>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "background_writer.hpp"
#include "common/interrupt.hpp"
#include "common/memory.hpp"
#include "common/progress.hpp"
#include "common/system.hpp"
#include "options.hpp"
#include "upscaler.hpp"

/// Frames of a video: rgb24 from the standard input, larger ones to the standard output.
namespace tool {

using Frame = std::vector<unsigned char>;

/// The next frame, or none behind the last. Throws `image_truncated` if it ends in the middle.
inline std::optional<Frame> read_frame(std::size_t size) {
  Frame frame(size);
  std::size_t have = 0;
  while (have < size) {
    stop_if_interrupted();
    if (!standard_input_is_ready()) continue;  // signals do not wait for frames
    const std::int64_t count = read_standard_input(frame.data() + have, size - have);
    if (count < 0 && errno == EINTR) continue;
    EQSR_EXPECTS(count >= 0, "io_error",
                 "The standard input cannot be read: ", std::strerror(errno), ".");
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  if (have == 0) return {};
  EQSR_EXPECTS(have == size, "image_truncated", "The last frame has ", have, " bytes instead of ",
               size, ". Does --raw name the size of the frames, and are they rgb24?");
  return frame;
}

inline void write_frame(const Frame& frame) {
  for (std::size_t at = 0; at < frame.size();) {
    const std::int64_t count = write_standard_output(frame.data() + at, frame.size() - at);
    if (count < 0 && errno == EINTR && interrupted_by == 0) continue;
    stop_if_interrupted();
    EQSR_EXPECTS(count > 0, "io_error",
                 "The standard output cannot be written: ", std::strerror(errno), ".");
    at += static_cast<std::size_t>(count);
  }
}

/// Enlarges frames until there are no more; the number of them. While one is computed, the next is
/// read and the one before is written.
inline std::size_t upscale_frames(Upscaler& upscaler, const Options& options, Progress& progress) {
  const int width = options.raw_width, height = options.raw_height;
  EQSR_EXPECTS(can_write_to_standard_output(), "io_error",
               "The standard output, where the frames go, is closed or cannot be written.");
  EQSR_EXPECTS(!standard_output_is_standard_input(), "usage",
               "The frames would be written to the file that they are read from. Inputs are never "
               "replaced; choose another file for the standard output.");
  const eqsr::Target target = options.target_for(options.wishes.front(), height, width);
  const std::size_t in = std::size_t(width) * std::size_t(height) * 3;
  const eqsr::Size size = eqsr::resolve(target, height, width);
  const Upscaler::Sizes sizes{height, width, 3, size.height, size.width};
  const std::size_t out = std::size_t(size.width) * std::size_t(size.height) * 3;
  // Beside the plan there are at most two frames in and two out.
  const std::size_t queue = 2 * (in + out);
  std::size_t budget = options.max_memory;
  if (budget == 0 && upscaler.on_host()) budget = eqsr::free_memory() / 2;
  if (budget == 0) {  // the device's own
    upscaler.limit(0, options.band_height);
    budget = upscaler.plan(sizes, false).budget;
  }
  const auto need_within = [&](std::size_t total) {
    std::optional<Upscaler::Need> need;
    if (total <= queue) return need;
    upscaler.limit(total - queue, options.band_height);
    try {
      need = upscaler.plan(sizes, false);
    } catch (const eqsr::Error& error) {
      if (error.code() != "memory_budget") throw;
    }
    return need;
  };
  const std::optional<Upscaler::Need> found = need_within(budget);
  if (!found)
    throw eqsr::Error("memory_budget",
                      too_little_memory(eqsr::say("Frames of ", width, " x ", height), budget,
                                        options.max_memory > 0, [&](std::size_t total) {
                                          return need_within(total).has_value();
                                        }));
  const Upscaler::Need plan = *found;
  progress.detail(eqsr::say("Frames of ", width, " x ", height, " become ", size.width, " x ",
                            size.height, "; ", megabytes(double(plan.bytes + queue)),
                            " of memory, ", std::round(plan.flops / 1e7) / 100, " Gflop each"));

  std::exception_ptr error;  // of writing; read when the writer is idle
  BackgroundWriter writer(options.overlap, out);
  const auto launch = options.overlap ? std::launch::async : std::launch::deferred;
  auto next = std::async(launch, read_frame, in);
  eqsr::Image image = eqsr::blank_image(height, width);
  for (std::size_t done = 0;; ++done) {
    std::optional<Frame> frame;
    try {
      frame = next.get();
    } catch (const eqsr::Error&) {  // the frames before it are whole
      writer.wait();
      throw;
    }
    if (!frame) {
      EQSR_EXPECTS(done > 0, "image_truncated",
                   "No frame came from the standard input. It takes rgb24 of the size that --raw "
                   "names.");
      writer.wait();
      if (error) std::rethrow_exception(error);
      return done;
    }
    next = std::async(launch, read_frame, in);
    image = eqsr::to_image(eqsr::ConstPixels(frame->data(), {.height = height, .width = width}));
    const Item item{eqsr::say("frame ", done), "standard output"};
    const auto shown = [&](double part, std::string_view stage) {
      stop_if_interrupted();
      progress.show(item, part, stage);
    };
    const std::vector<float> high = upscaler.run(image.pixels, sizes, 0, shown);
    stop_if_interrupted();
    auto bytes = std::make_shared<Frame>(high.size());
    eqsr::to_samples(high.data(), high.size(), bytes->data());
    writer.wait();
    if (error) std::rethrow_exception(error);
    writer.post(out, [bytes, item, &error, &progress] {
      try {
        write_frame(*bytes);
        progress.written(item);
      } catch (...) {
        error = std::current_exception();
      }
    });
  }
}

}  // namespace tool
