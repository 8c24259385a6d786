// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/alpha.hpp>
#include <eqsr/upscale.hpp>

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tool {

/// A network on some device, behind plain types: what is compiled by nvcc and what is not may be
/// compiled for different instruction sets, and then they share no type of the library.
class Upscaler {
 public:
  struct Sizes {
    int height, width, channels, new_height, new_width;
  };
  struct Need {
    std::size_t bytes, budget;  ///< of memory: at the peak, and allowed
    double flops;
  };
  using Progress = std::function<void(double done, std::string_view stage)>;
  using Row = std::function<void(const float* rgb)>;
  /// As eqsr::RowPart; without `meet` the whole image.
  struct Part {
    std::ptrdiff_t begin = 0, end = 0;
    std::function<void(std::span<double> total, const std::function<void()>& add)> meet{};
  };

  virtual ~Upscaler() = default;
  /// Bytes that one image may take (0: as the library thinks) and rows at once (0: the same).
  virtual void limit(std::size_t max_memory, int band_height) = 0;
  virtual Need plan(const Sizes& sizes, bool rows) = 0;
  /// Bytes of this machine's memory, of those that a picture needs, that it keeps from those
  /// before.
  virtual std::size_t held(const Sizes& sizes) = 0;
  /// The whole result, channels last; `alpha` is a value of eqsr::Alpha.
  virtual std::vector<float> run(const std::vector<float>& pixels, const Sizes& sizes, int alpha,
                                 const Progress& progress) = 0;
  /// The result, or a part of it, row by row, from top to bottom.
  virtual void run_rows(const std::vector<float>& pixels, const Sizes& sizes, const Part& part,
                        const Row& row, const Progress& progress) = 0;
  /// Runs the trunk alone, conditioned as for these sizes, and keeps its result for `run_kept`.
  virtual void keep_trunk(const std::vector<float>& pixels, const Sizes& sizes,
                          const Progress& progress) = 0;
  /// The whole result of these sizes from the trunk that was kept.
  virtual std::vector<float> run_kept(const Sizes& sizes, const Progress& progress) = 0;
  /// What it runs on, for people.
  [[nodiscard]] virtual std::string text() const = 0;
  /// Whether its memory is that of this machine, which the results need too.
  [[nodiscard]] virtual bool on_host() const = 0;
};

/// The device that was asked for is not here.
struct NoDevice : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A network on an NVIDIA GPU (cuda.cu). `precision`, `encoding` and `sha256` are words of the
/// command line, empty if not given; `notes`: whether what is odd about the weights is said. Throws
/// NoDevice.
std::unique_ptr<Upscaler> open_on_cuda(int device, const std::string& precision,
                                       const std::string& weights, const std::string& encoding,
                                       const std::string& sha256, bool notes);

/// The library's own upscale(), for a context and a network.
template <class Context, class Net>
class NetUpscaler : public Upscaler {
 public:
  NetUpscaler(Context& ctx, Net net, const std::string& encoding, std::string text)
      : ctx_(ctx), net_(std::move(net)), text_(std::move(text)) {
    if (!encoding.empty())
      net_.encoding =
          encoding == "division" ? eqsr::Encoding::division : eqsr::Encoding::reciprocal;
  }
  void limit(std::size_t max_memory, int band_height) override {
    ctx_.max_memory = max_memory;
    ctx_.band_height = band_height;
  }
  Need plan(const Sizes& s, bool rows) override {
    const auto plan = rows ? eqsr::plan_upscale_rows(ctx_, net_, s.height, s.width, target(s))
                           : eqsr::plan_upscale(ctx_, net_, s.height, s.width, target(s));
    return {plan.bytes, plan.budget, plan.cost.flops};
  }
  std::size_t held(const Sizes& s) override {
    if (!on_host()) return 0;
    const Unlimited all(ctx_);
    return eqsr::plan_upscale(ctx_, net_, s.height, s.width, target(s)).held;
  }
  std::vector<float> run(const std::vector<float>& pixels, const Sizes& s, int alpha,
                         const Progress& progress) override {
    ctx_.on_progress = progress;
    const eqsr::Image low{s.height, s.width, s.channels, pixels};
    return eqsr::upscale(ctx_, net_, low, target(s), eqsr::Alpha(alpha)).pixels;
  }
  void run_rows(const std::vector<float>& pixels, const Sizes& s, const Part& part, const Row& row,
                const Progress& progress) override {
    ctx_.on_progress = progress;
    const eqsr::Image low{s.height, s.width, s.channels, pixels};
    const eqsr::RowPart rows{part.begin, part.end, part.meet};
    const auto each = [&](eqsr::Index, eqsr::Plane<float, 3> band) {
      for (eqsr::Index y = 0; y < eqsr::extent<'h'>(band); ++y) row(&band(y, 0, 0));
    };
    eqsr::upscale_rows(ctx_, net_, low, target(s), each, rows);
  }
  void keep_trunk(const std::vector<float>& pixels, const Sizes& s,
                  const Progress& progress) override {
    ctx_.on_progress = progress;
    kept_.reset();
    kept_.emplace(
        eqsr::features_of(ctx_, net_, {s.height, s.width, s.channels, pixels}, target(s)));
  }
  std::vector<float> run_kept(const Sizes& s, const Progress& progress) override {
    ctx_.on_progress = progress;
    return eqsr::upscale(ctx_, net_, kept_.value(), target(s)).pixels;
  }
  [[nodiscard]] std::string text() const override { return text_; }
  [[nodiscard]] bool on_host() const override {
    return std::is_same_v<typename Context::backend, eqsr::Cpu>;
  }

 private:
  /// A context without a budget, until it goes.
  class Unlimited {
   public:
    explicit Unlimited(Context& ctx)
        : ctx_(ctx),
          allowed_(std::exchange(ctx.max_memory, (std::numeric_limits<std::size_t>::max)())) {}
    Unlimited(const Unlimited&) = delete;
    Unlimited& operator=(const Unlimited&) = delete;
    ~Unlimited() { ctx_.max_memory = allowed_; }

   private:
    Context& ctx_;
    std::size_t allowed_;
  };

  static eqsr::Target target(const Sizes& s) {
    return {.height = s.new_height, .width = s.new_width};
  }
  using Features = decltype(eqsr::features_of(std::declval<Context&>(), std::declval<const Net&>(),
                                              eqsr::Image(), eqsr::Target()));
  Context& ctx_;
  Net net_;
  std::optional<Features> kept_;
  std::string text_;
};

template <class Context>
struct OwnContext {
  std::unique_ptr<Context> context;
};
/// The same with a context of its own, which goes after the network.
template <class Context, class Net>
class DeviceUpscaler : OwnContext<Context>, public NetUpscaler<Context, Net> {
 public:
  DeviceUpscaler(std::unique_ptr<Context> ctx, Net net, const std::string& encoding,
                 std::string text)
      : OwnContext<Context>{std::move(ctx)},
        NetUpscaler<Context, Net>(*this->context, std::move(net), encoding, std::move(text)) {}
};

}  // namespace tool
