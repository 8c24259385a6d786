// SPDX-License-Identifier: Apache-2.0
// The library behind the page, as page/worker.js calls it: one network, one picture at a time.
// Answers go back through the functions of calls.js, from the thread that called.
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "common/failure.hpp"

extern "C" {
void page_started(int threads, const char* instructions);
void page_opened(int width, int height);
void page_planned(int width, int height);
void page_progress(double done);
void page_before(const char* png, std::size_t count);
void page_after(const char* png, std::size_t count);
void page_note(const char* sentence);
void page_failed(const char* code, const char* sentence);
}

namespace {

class Engine {
 public:
  explicit Engine(const std::string& weights) : net_(eqsr::load<eqsr::lite>(ctx_, weights)) {
    page_started(ctx_.threads(), eqsr::isa_name(ctx_.isa()));
  }

  /// Another network of the same configuration; the picture stays.
  void load(const std::string& weights) { net_ = eqsr::load<eqsr::lite>(ctx_, weights); }

  void open(const std::string& file) {
    picture_ = {};
    eqsr::ReadOptions read;
    read.on_note = [](const std::string& note) { page_note(note.c_str()); };
    read.max_memory = eqsr::free_memory() / 8 * 7;
    picture_ = eqsr::read_picture(file, read);
    page_opened(picture_.image.width, picture_.image.height);
  }

  /// A file of pixels that the browser decoded, RGBA of 8 bits.
  void open_pixels(const std::string& file, int width, int height) {
    picture_ = {};
    const std::string bytes = eqsr::read_picture_bytes(file);
    const auto* rgba = reinterpret_cast<const std::uint8_t*>(bytes.data());
    const std::size_t pixels = std::size_t(width) * std::size_t(height);
    bool transparent = false;
    for (std::size_t i = 0; i < pixels; ++i) transparent = transparent || rgba[4 * i + 3] != 255;
    picture_.image = eqsr::blank_image(height, width, 4);
    for (std::size_t i = 0; i < 4 * pixels; ++i) picture_.image.pixels[i] = eqsr::to_float(rgba[i]);
    if (!transparent) picture_.image = eqsr::opaque(picture_.image);
    page_opened(width, height);
  }

  /// Leaves the context the memory there is. Throws `memory_budget` if that does not do.
  void plan(const eqsr::Target& target) {
    const eqsr::Image& low = picture_.image;
    const eqsr::UpscalePlan least = least_plan(target);
    // In double: with 32 bits, what is too much may have no number.
    const double pixels = double(least.size.height) * least.size.width;
    const auto held = double(low.pixels.size() * sizeof(float));
    // Beside the network: alpha, and the colours with it. Behind it: the rows that are compressed,
    // and what comes of them.
    const double beside = transparent() ? held + 5 * pixels * sizeof(float) : 0;
    const double behind = low.channels * pixels * (sizeof(float) + picture_.bits / 8 * 2);
    const double need = std::max(double(least.bytes) + beside, behind);
    // Some is lost between blocks of different sizes, and the workspace is one block, of which
    // Emscripten gives none of 2 GiB or more.
    const double block = 2147e6 + double(least.bytes - least.workspace) + beside;
    const double allowed =
        std::min(0.875 * (double(eqsr::free_memory()) + held + double(least.held)), block);
    EQSR_EXPECTS(need <= allowed, "memory_budget", least.size.width, " x ", least.size.height,
                 " pixels need ", std::ceil(need / 1e6), " MB of memory, and a page has ",
                 std::floor(allowed / 1e6), " MB. Choose a smaller size or picture", other_way);
    ctx_.max_memory = static_cast<std::size_t>(allowed - beside);
    page_planned(least.size.width, least.size.height);
  }

  void enlarge(const eqsr::Target& target) {
    plan(target);
    send(interpolated(target), 8, page_before);
    // Transparency is a pass of its own.
    ctx_.on_progress = [passes = transparent() ? 2 : 1, pass = 0, last = 0.0](double done,
                                                                              auto) mutable {
      if (done < last) ++pass;
      last = done;
      page_progress((pass + done) / passes);
    };
    eqsr::Image high = eqsr::upscale(ctx_, net_, picture_.image, target, eqsr::Alpha::network);
    ctx_.arena().clear();
    send(std::move(high), picture_.bits, page_after);
  }

 private:
  static constexpr auto other_way =
      ", or use the tool upscale, which has all of the machine's memory.";

  eqsr::UpscalePlan least_plan(const eqsr::Target& target) {
    const eqsr::Image& low = picture_.image;
    ctx_.max_memory = SIZE_MAX;
    ctx_.storage = eqsr::Storage::none;
    try {
      const auto plan = eqsr::plan_upscale(ctx_, net_, low.height, low.width, target);
      ctx_.storage = eqsr::Storage::both;
      return plan;
    } catch (const eqsr::Error& error) {
      ctx_.storage = eqsr::Storage::both;
      if (error.code() != "memory_budget") throw;
      throw eqsr::Error("memory_budget",
                        eqsr::say("A picture of ", low.width, " x ", low.height,
                                  " pixels needs more memory than a page can have. Choose a "
                                  "smaller one",
                                  other_way));
    }
  }

  [[nodiscard]] bool transparent() const {
    const eqsr::Image& image = picture_.image;
    for (std::size_t i = 3; image.channels == 4 && i < image.pixels.size(); i += 4)
      if (image.pixels[i] != 1.0f) return true;
    return false;
  }

  /// What the network is compared with.
  eqsr::Image interpolated(const eqsr::Target& target) {
    const eqsr::Image& low = picture_.image;
    const eqsr::Size size = eqsr::resolve(target, low.height, low.width);
    const bool alpha = low.channels == 4;
    const eqsr::Image colours = alpha ? eqsr::premultiplied(low) : low;
    eqsr::Image high = eqsr::blank_image(size.height, size.width);
    eqsr::launch<eqsr::op::Bicubic>(
        ctx_, eqsr::Plane<const float, 3>(colours.pixels.data(), low.height, low.width),
        eqsr::Plane<float, 3>(high.pixels.data(), size.height, size.width), eqsr::Index{0},
        eqsr::Index{size.height});
    if (!alpha) return high;
    const auto opacity = eqsr::upscale_alpha(ctx_, net_, low, target, eqsr::Alpha::bicubic);
    eqsr::Image result = eqsr::blank_image(size.height, size.width, 4);
    for (std::size_t y = 0, width = std::size_t(size.width); y < std::size_t(size.height); ++y)
      eqsr::unpremultiply_row(&high.pixels[y * width * 3], &opacity[y * width], size.width,
                              &result.pixels[y * width * 4]);
    return result;
  }

  void send(eqsr::Image image, int bits, void (*receiver)(const char*, std::size_t)) {
    if (picture_.grey) image = eqsr::grey_image(image);
    const std::string png =
        eqsr::encode_image("result.png", image, {.bits = bits, .metadata = picture_.metadata});
    receiver(png.data(), png.size());
  }

  eqsr::Context<eqsr::Cpu> ctx_;
  eqsr::Net<eqsr::lite, eqsr::Cpu> net_;
  eqsr::Picture picture_;
};

std::unique_ptr<Engine> engine;

/// A size in pixels, or a scale where there is none.
eqsr::Target target_of(double scale, int width, int height) {
  if (width > 0) return {.height = height, .width = width};
  return {.scale = scale};
}

/// Runs `f`; what it throws is told to the page. Whether it went well.
template <class F>
bool told(const char* name, const F& f) {
  const auto failure = tool::failure_of(name, f);
  if (failure) page_failed(failure->code.c_str(), failure->sentence.c_str());
  return !failure;
}

}  // namespace

extern "C" {
bool engine_start(const char* weights) {
  return told(weights, [&] { engine = std::make_unique<Engine>(weights); });
}
bool engine_load(const char* weights) {
  return told(weights, [&] { engine->load(weights); });
}
bool engine_open(const char* file) {
  return told(file, [&] { engine->open(file); });
}
bool engine_open_pixels(const char* file, int width, int height) {
  return told(file, [&] { engine->open_pixels(file, width, height); });
}
bool engine_plan(double scale, int width, int height, const char* name) {
  return told(name, [&] { engine->plan(target_of(scale, width, height)); });
}
bool engine_enlarge(double scale, int width, int height, const char* name) {
  return told(name, [&] { engine->enlarge(target_of(scale, width, height)); });
}
}
