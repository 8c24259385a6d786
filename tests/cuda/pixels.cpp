// SPDX-License-Identifier: Apache-2.0
// Pixels in device memory: the bits of the way over the host, on the caller's stream.
#include <doctest/doctest.h>
#include <eqsr/pixels.hpp>

#include "cuda/net_in_context.hpp"

#include <cstring>

using namespace eqsr_test;
using eqsr::Alpha;
using eqsr::ConstPixels;
using eqsr::Context;
using eqsr::Half;
using eqsr::Order;
using eqsr::PixelLayout;
using eqsr::Pixels;

namespace {
constexpr int h = 4, w = 5, H = 6, W = 7;

/// The same bytes on the host and on the device: rows with gaps, perhaps from the bottom up.
template <class T>
class TwoPictures {
 public:
  TwoPictures(PixelLayout shape, int gap, bool up, int seed) : layout_(shape) {
    const Index row = (Index{shape.width} * shape.channels + gap) * Index{sizeof(T)};
    layout_.stride = up ? -row : row;
    host.resize(std::size_t(row * shape.height));
    std::vector<T> samples(host.size() / sizeof(T));
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = sample(int(i) + seed);
    std::memcpy(host.data(), samples.data(), host.size());
    device_ = static_cast<std::byte*>(eqsr::Memory<Cuda>::allocate(host.size()));
    eqsr::Memory<Cuda>::from_host(device_, host.data(), host.size());
  }
  TwoPictures(const TwoPictures&) = delete;
  TwoPictures& operator=(const TwoPictures&) = delete;
  ~TwoPictures() { eqsr::Memory<Cuda>::deallocate(device_); }

  Pixels on_host() { return Pixels(first(host.data()), layout_); }
  Pixels on_device() { return Pixels(first(device_), layout_); }
  [[nodiscard]] bool agree() const {
    std::vector<std::byte> found(host.size());
    eqsr::Memory<Cuda>::to_host(found.data(), device_, found.size());
    return found == host;
  }
  std::byte* device() { return device_; }
  std::vector<std::byte> host;

 private:
  static T sample(int i) {
    const float part = float(i * 37 % 101) / 100;
    if constexpr (std::is_same_v<T, float>)
      return part;
    else if constexpr (std::is_same_v<T, Half>)
      return {eqsr::float_to_half(part)};
    else
      return static_cast<T>(i * 7919);
  }
  T* first(std::byte* memory) {
    const Index below = layout_.stride < 0 ? -layout_.stride * (layout_.height - 1) : 0;
    return reinterpret_cast<T*>(memory + below);
  }
  PixelLayout layout_;
  std::byte* device_;
};

/// Calls `f(layout, gap in samples, bottom up)` for what matters to a conversion.
template <class F>
void each_layout(int height, int width, const F& f) {
  for (const int channels : {1, 3, 4})
    for (const Order order : {Order::rgb, Order::bgr})
      for (const bool up : {false, true}) {
        CAPTURE(channels);
        CAPTURE(int(order));
        CAPTURE(up);
        f(PixelLayout{.height = height, .width = width, .channels = channels, .order = order},
          int{up}, up);
      }
}

template <class In, class Out>
void compare_ways(Context<Cuda>& ctx, const Net& net, PixelLayout in, PixelLayout out) {
  TwoPictures<In> from(in, 1, false, 3);
  TwoPictures<Out> to(out, 1, true, 5);
  for (int round = 0; round < 3; ++round) {  // plain, recorded, replayed
    eqsr::upscale(ctx, net, from.on_host(), to.on_host(), Alpha::drop, 0.1f);
    eqsr::upscale(ctx, net, from.on_device(), to.on_device(), Alpha::drop, 0.1f);
    CHECK(to.agree());
  }
}
}  // namespace

TEST_CASE_TEMPLATE("cuda pixels: the device reads and writes samples as the host does", T,
                   std::uint8_t, std::uint16_t, Half, float) {
  Context<Cuda> ctx;
  Arrays<Cuda> arrays;
  each_layout(h, w, [&](PixelLayout layout, int gap, bool up) {
    TwoPictures<T> pictures(layout, gap, up, 1);
    const auto y = arrays.template out<3>(h, w);
    eqsr::gpu::read_pixels(ctx, pictures.on_device(), y);
    eqsr::Image image = eqsr::to_image(pictures.on_host());
    if (image.channels == 4) image = eqsr::opaque(image);
    CHECK(same_bits(arrays.get(y), image.pixels));
  });
  Map<3> values = image_map("input", H, W);  // also beyond what samples can hold
  for (std::size_t i = 0; i < values.values.size(); ++i)
    values.values[i] = 1.5f * values.values[i] - 0.25f;
  values.values[4] = 1e-6f;  // a subnormal half
  values.values[9] = 1e5f;   // more than a half can be
  values.values[15] = -0.0f;
  const auto x = arrays.in(values);
  each_layout(H, W, [&](PixelLayout layout, int gap, bool up) {
    TwoPictures<T> pictures(layout, gap, up, 2);
    eqsr::gpu::write_pixels(ctx, x, pictures.on_device());
    const Pixels to = pictures.on_host();
    eqsr::detail::RowConverter converter(to.format(), to.kind(), W);
    for (int row = 0; row < H; ++row)
      std::memcpy(to.row(row), converter.convert(&values.values[std::size_t(row * W * 3)], 3),
                  to.row_bytes());
    CHECK(pictures.agree());  // gaps too
  });
}

TEST_CASE("cuda pixels: upscale gives the bits of the way over the host, with its graphs") {
  Net net;
  fill(net);
  Context<Cuda> ctx;
  const auto of = [](int height, int width, int channels, Order order) {
    return PixelLayout{.height = height, .width = width, .channels = channels, .order = order};
  };
  compare_ways<std::uint8_t, std::uint8_t>(ctx, net, of(h, w, 3, Order::rgb),
                                           of(H, W, 3, Order::rgb));
  compare_ways<Half, float>(ctx, net, of(h, w, 1, Order::rgb), of(H, W, 4, Order::bgr));
  compare_ways<std::uint8_t, Half>(ctx, net, of(h, w, 4, Order::bgr), of(H, W, 3, Order::bgr));
  CHECK(ctx.graphs().recorded() == 1);  // both ways, and all formats, have one in common
}

TEST_CASE("cuda pixels: the plan counts no memory of the caller, and a budget is kept") {
  Net net;
  fill(net);
  Context<Cuda> ctx;
  TwoPictures<float> from({.height = h, .width = w}, 0, false, 1);
  TwoPictures<float> to({.height = H, .width = W}, 0, false, 2);
  const auto plan = eqsr::plan_upscale(ctx, net, from.on_device(), to.on_device());
  const auto image = eqsr::plan_upscale(ctx, net, h, w, {.height = H, .width = W});
  CHECK(plan.bytes + 12 * (h * w + H * W) == image.bytes);
  eqsr::upscale(ctx, net, from.on_host(), to.on_host());
  ctx.max_memory = plan.bytes - 1;
  CHECK(eqsr::plan_upscale(ctx, net, from.on_device(), to.on_device()).storage !=
        eqsr::Storage::both);
  eqsr::upscale(ctx, net, from.on_device(), to.on_device());
  CHECK(to.agree());
  ctx.max_memory = 1000;
  CHECK(error_of([&] {
          eqsr::upscale(ctx, net, from.on_device(), to.on_device());
        }).starts_with("memory_budget: "));
}

TEST_CASE("cuda pixels: memory that the device cannot reach is refused") {
  Net net;
  fill(net);
  Context<Cuda> ctx;
  TwoPictures<float> from({.height = h, .width = w}, 0, false, 1);
  TwoPictures<float> to({.height = H, .width = W}, 0, false, 2);
  CHECK(error_of([&] { eqsr::upscale(ctx, net, from.on_host(), to.on_device()); }) ==
        "wrong_device: The input lies in memory of the host and the result on CUDA device 0, but "
        "the context computes on device 0. Give both on that device, or both in memory of the "
        "host.");
  CHECK(error_of([&] {
          eqsr::upscale(ctx, net, from.on_device(), to.on_host());
        }).starts_with("wrong_device: The input lies on CUDA device 0 and the result in memory"));
  CHECK(error_of([&] {
          eqsr::upscale_rows<float>(ctx, net, from.on_device(), {.scale = 2}, {}, {});
        }).starts_with("wrong_device: The input lies on a device, but rows are handed on"));
  const auto* odd = reinterpret_cast<const float*>(from.device() + 2);
  CHECK(error_of([&] {
          eqsr::upscale(ctx, net, ConstPixels(odd, {.height = 2, .width = 2}), to.on_device());
        }).starts_with("bad_argument: Samples of 4 bytes on a device lie at multiples of that."));
  CHECK(error_of([&] {
          eqsr::upscale(ctx, net,
                        ConstPixels(reinterpret_cast<const float*>(from.device()),
                                    {.height = 2, .width = 2, .stride = 26}),
                        to.on_device());
        }).starts_with("bad_argument: Samples of 4 bytes on a device"));
  TwoPictures<std::uint8_t> alpha({.height = h, .width = w, .channels = 4}, 0, false, 1);
  TwoPictures<std::uint8_t> result({.height = H, .width = W, .channels = 4}, 0, false, 1);
  CHECK(error_of([&] {
          eqsr::upscale(ctx, net, alpha.on_device(), result.on_device());
        }).starts_with("bad_argument: Alpha of pixels on a device is not enlarged."));
  CHECK(error_of([&] {
          eqsr::upscale(ctx, net, from.on_device(), from.on_device());
        }).starts_with("bad_argument: The result would be written over the input"));
}

#if !defined(__CUDACC__)
TEST_CASE("cuda pixels: memory of another device is refused, also in part") {
  const Machine machine({.devices = 2});
  Context<Cuda> ctx(0), other(1);
  ctx.select();
  Net net;
  fill(net);
  other.select();
  TwoPictures<float> from({.height = h, .width = w}, 0, false, 1);
  TwoPictures<float> to({.height = H, .width = W}, 0, false, 2);
  CHECK(error_of([&] { eqsr::upscale(ctx, net, from.on_device(), to.on_device()); })
            .starts_with("wrong_device: The input lies on CUDA device 1 and the result on CUDA "
                         "device 1, but the context computes on device 0."));
  const auto* first = reinterpret_cast<const float*>(from.device());
  CHECK(error_of([&] {
          eqsr::upscale(other, net, ConstPixels(first, {.height = h + 1, .width = w}),
                        to.on_device());
        }).starts_with("wrong_device: The first row of a view and the last do not lie"));
}

TEST_CASE("cuda pixels: all is queued in the order of the caller's stream, and nothing waits") {
  Net net;
  fill(net);
  TwoPictures<std::uint8_t> first({.height = h, .width = w}, 0, false, 1);
  TwoPictures<std::uint8_t> second({.height = h, .width = w}, 0, false, 50);
  TwoPictures<std::uint8_t> to({.height = H, .width = W}, 0, false, 2);
  eqsr::gpu::Stream stream = nullptr;
  const auto& runtime = eqsr::gpu::runtime();
  CHECK(runtime.create_stream(&stream) == 0);
  {
    Context<Cuda> ctx(0, stream);
    std::vector<std::byte> truth[2], found[2];
    for (auto* picture : {&first, &second}) {
      eqsr::upscale(ctx, net, picture->on_host(), to.on_host());
      truth[picture == &second] = to.host;
    }
    CHECK(truth[0] != truth[1]);
    const Machine machine({.late = true});
    for (int round = 0; round < 2; ++round) {
      const long ran = FakeStream::ran;
      for (int i = 0; i < 2; ++i) {
        // The input is overwritten behind its use, the result fetched behind its making.
        found[i].assign(to.host.size(), {});
        const auto& source = i == 0 ? first.host : second.host;
        CHECK(runtime.copy(first.device(), source.data(), source.size(), stream) == 0);
        eqsr::upscale(ctx, net, first.on_device(), to.on_device());
        CHECK(runtime.copy(found[i].data(), to.device(), found[i].size(), stream) == 0);
      }
      CHECK(FakeStream::ran == ran);
      ctx.sync();
      for (int i = 0; i < 2; ++i) CHECK(found[i] == truth[i]);
    }
  }
  CHECK(runtime.destroy_stream(stream) == 0);
}
#endif
