// SPDX-License-Identifier: Apache-2.0
// The upscale tool on a machine with two GPUs that are none: each computes on the CPU. Linked with
// the tool's own main.cpp in place of cuda.cu; devices.py runs it.
//
// Before its first picture each device waits until all that were opened have begun one: the tool
// must use them at once, or it stands still. EQSR_TEST_LOSE=1 lets device 1 fail at its first
// picture, as one does that falls off the bus; EQSR_TEST_LOSE=0,1 both.
#include <eqsr/eqsr.hpp>

#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "common/weights.hpp"
#include "upscale/upscaler.hpp"

namespace tool {
namespace {

constexpr int devices = 2;

class Meeting {
 public:
  void expect() { ++expected_; }
  void come() {
    std::unique_lock lock(mutex_);
    ++here_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return here_ >= expected_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int expected_ = 0, here_ = 0;
} meeting;

template <class Net>
class FakeDevice : public DeviceUpscaler<eqsr::Context<eqsr::Cpu>, Net> {
  using Base = DeviceUpscaler<eqsr::Context<eqsr::Cpu>, Net>;
  using Sizes = Upscaler::Sizes;

 public:
  FakeDevice(std::unique_ptr<eqsr::Context<eqsr::Cpu>> ctx, Net net, const std::string& encoding,
             int device)
      : Base(std::move(ctx), std::move(net), encoding, eqsr::say("CUDA device ", device)),
        device_(device) {
    meeting.expect();
  }
  std::vector<float> run(const std::vector<float>& pixels, const Sizes& sizes, int alpha,
                         const Upscaler::Progress& progress) override {
    begin();
    return Base::run(pixels, sizes, alpha, progress);
  }
  void run_rows(const std::vector<float>& pixels, const Sizes& sizes, const Upscaler::Part& part,
                const Upscaler::Row& row, const Upscaler::Progress& progress) override {
    begin();
    Base::run_rows(pixels, sizes, part, row, progress);
  }
  [[nodiscard]] bool on_host() const override { return false; }

 private:
  void begin() {
    if (!begun_) meeting.come();
    begun_ = true;
    const char* const lost = std::getenv("EQSR_TEST_LOSE");
    if (lost && std::string(lost).find(char('0' + device_)) != std::string::npos)
      throw eqsr::Error("device_error", eqsr::say("CUDA device ", device_, " is gone."));
  }
  const int device_;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<Upscaler> open_on_cuda(int device, const std::string&, const std::string& weights,
                                       const std::string& encoding, const std::string& sha256,
                                       bool) {
  if (device >= devices)
    throw NoDevice(eqsr::say("There is no CUDA device ", device, " here, but ", devices, "."));
  const eqsr::Limits limits{.sha256 = sha256};
  std::unique_ptr<Upscaler> upscaler;
  with_configuration(eqsr::StateDict::open(weights, limits), weights, [&]<eqsr::Config config>() {
    auto ctx = std::make_unique<eqsr::Context<eqsr::Cpu>>(1);
    auto net = eqsr::load<config>(*ctx, weights, limits);
    upscaler = std::make_unique<FakeDevice<decltype(net)>>(std::move(ctx), std::move(net), encoding,
                                                           device);
    return 0;
  });
  return upscaler;
}

}  // namespace tool
