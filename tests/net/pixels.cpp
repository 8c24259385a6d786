// SPDX-License-Identifier: Apache-2.0
// Views of the caller's memory give the bits of the way over images, whatever lies how.
#include <doctest/doctest.h>
#include <eqsr/eqsr.hpp>

#include "support/compare.hpp"
#include "support/module.hpp"

#include <cstring>

using namespace eqsr_test;
using eqsr::Alpha;
using eqsr::ConstPixels;
using eqsr::Cpu;
using eqsr::Half;
using eqsr::Order;
using eqsr::PixelLayout;
using eqsr::Pixels;
using eqsr::Plane;

namespace {
constexpr int C = 3, h = 5, w = 6, H = 8, W = 7;

struct Copy {
  static void visit(auto&, auto&&) {}
  template <eqsr::AnyContext Ctx>
  void forward(Ctx&, Plane<const float, 3> image, Plane<float, C> f) const {
    if constexpr (!eqsr::is_dry<typename Ctx::backend>)
      std::copy_n(image.data(), image.size(), f.data());
  }
};
using Network = eqsr::Composed<Copy, eqsr::KrigingUpsampler<C, Cpu, 16, 4>>;

Network network() {
  Network net;
  fill(net, "net.");
  return net;
}

/// Memory of rows with gaps; what is between them must stay as it is.
template <class T>
struct Memory {
  PixelLayout layout;
  std::vector<std::byte> bytes;

  /// `gap`: bytes between rows. `up`: the first row is the last in memory.
  Memory(PixelLayout shape, int gap, bool up) : layout(shape) {
    const Index stride = row_bytes() + gap;
    bytes.assign(std::size_t(stride * layout.height + 16), std::byte{0xAB});
    layout.stride = up ? -stride : stride;
  }
  [[nodiscard]] Index row_bytes() const {
    return Index{layout.width} * layout.channels * Index{sizeof(T)};
  }
  T* first() {
    const Index below = layout.stride < 0 ? -layout.stride * (layout.height - 1) : 0;
    return reinterpret_cast<T*>(bytes.data() + below);
  }
  [[nodiscard]] std::byte* place(int y, int x, int c) {
    return reinterpret_cast<std::byte*>(first()) + y * layout.stride +
           (x * layout.channels + c) * Index{sizeof(T)};
  }
  void set(int y, int x, int c, T value) { std::memcpy(place(y, x, c), &value, sizeof(T)); }
  T get(int y, int x, int c) {
    T value;
    std::memcpy(&value, place(y, x, c), sizeof(T));
    return value;
  }
  /// The bytes that belong to no pixel.
  [[nodiscard]] bool gaps_are_whole() {
    std::size_t whole = 0;
    for (const std::byte byte : bytes) whole += byte == std::byte{0xAB};
    std::size_t within = 0;
    for (int y = 0; y < layout.height; ++y)
      for (Index i = 0; i < row_bytes(); ++i) within += place(y, 0, 0)[i] == std::byte{0xAB};
    return whole - within == bytes.size() - std::size_t(row_bytes() * layout.height);
  }
};

template <class T>
T sample(int i) {
  const float part = float(i * 37 % 101) / 100;
  if constexpr (std::is_same_v<T, float>)
    return part;
  else if constexpr (std::is_same_v<T, Half>)
    return {eqsr::float_to_half(part)};
  else
    return static_cast<T>(i * 7919 % (int{std::numeric_limits<T>::max()} + 1));
}
template <class T>
float value(T s) {
  if constexpr (std::is_same_v<T, float>)
    return s;
  else if constexpr (std::is_same_v<T, Half>)
    return eqsr::half_to_float(s.bits);
  else
    return static_cast<float>(s) / static_cast<float>(std::numeric_limits<T>::max());
}
template <class T>
bool same(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}
int place_of(int c, Order order) { return order == Order::bgr && c < 3 ? 2 - c : c; }

template <class T>
void fill_memory(Memory<T>& memory) {
  for (int i = 0, y = 0; y < memory.layout.height; ++y)
    for (int x = 0; x < memory.layout.width; ++x)
      for (int c = 0; c < memory.layout.channels; ++c, ++i) memory.set(y, x, c, sample<T>(i));
}
/// The pixels as an image, by plain loops.
template <class T>
eqsr::Image image_of(Memory<T>& memory) {
  const int channels = memory.layout.channels == 4 ? 4 : 3;
  eqsr::Image image = eqsr::blank_image(memory.layout.height, memory.layout.width, channels);
  std::size_t i = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      for (int c = 0; c < channels; ++c)
        image.pixels[i++] = value(
            memory.get(y, x, memory.layout.channels == 1 ? 0 : place_of(c, memory.layout.order)));
  return image;
}
/// What the image way gives for one sample of the result.
template <class T>
T expected(const eqsr::Image& result, int y, int x, int place, const PixelLayout& layout) {
  const float* pixel = &result.pixels[std::size_t((y * W + x) * result.channels)];
  const int c = place_of(place, layout.order);
  const float wanted = layout.channels == 1  ? eqsr::luma(pixel)
                       : c < result.channels ? pixel[c]
                                             : 1.0f;
  if constexpr (std::is_same_v<T, float>) {
    return wanted;
  } else {
    T rounded{};
    eqsr::to_samples(&wanted, 1, &rounded);
    return rounded;
  }
}

template <class In, class Out>
void compare_pixels(eqsr::Context<Cpu>& ctx, const Network& net, Memory<In> from, Memory<Out> to,
                    Alpha how) {
  CAPTURE(from.layout.channels);
  CAPTURE(to.layout.channels);
  CAPTURE(int(from.layout.order));
  CAPTURE(int(to.layout.order));
  CAPTURE(from.layout.stride);
  CAPTURE(to.layout.stride);
  CAPTURE(int(how));
  fill_memory(from);
  const eqsr::Target target{.height = H, .width = W};
  const eqsr::Image result = eqsr::upscale(ctx, net, image_of(from), target, how);
  eqsr::upscale(ctx, net, ConstPixels(from.first(), from.layout), Pixels(to.first(), to.layout),
                how);
  int wrong = 0;
  for (int y = 0; y < H; ++y)
    for (int x = 0; x < W; ++x)
      for (int c = 0; c < to.layout.channels; ++c)
        wrong += !same(to.get(y, x, c), expected<Out>(result, y, x, c, to.layout));
  CHECK(wrong == 0);
  CHECK(to.gaps_are_whole());

  Index next = 0;
  eqsr::upscale_rows<Out>(
      ctx, net, ConstPixels(from.first(), from.layout), target,
      {.channels = to.layout.channels, .order = to.layout.order},
      [&](Index y, std::span<const Out> row) {
        CHECK(y == next++);
        CHECK(std::memcmp(row.data(), to.place(int(y), 0, 0), row.size_bytes()) == 0);
      },
      how);
  CHECK(next == H);
}

template <class In, class Out>
void all_layouts() {
  const Network net = network();
  eqsr::Context<Cpu> ctx(1);
  for (const auto& [channels, result, how] : {std::tuple{1, 1, Alpha::network},
                                              {1, 3, Alpha::network},
                                              {1, 4, Alpha::network},
                                              {3, 1, Alpha::network},
                                              {3, 3, Alpha::network},
                                              {3, 4, Alpha::network},
                                              {4, 4, Alpha::network},
                                              {4, 4, Alpha::bicubic},
                                              {4, 4, Alpha::drop},
                                              {4, 3, Alpha::drop},
                                              {4, 1, Alpha::drop}})
    for (const Order order : {Order::rgb, Order::bgr})
      for (const Order other : {Order::rgb, Order::bgr})
        for (const auto& [gap, up] : {std::pair{0, false}, {3, false}, {5, true}})
          compare_pixels(ctx, net, Memory<In>({h, w, channels, order}, gap, up),
                         Memory<Out>({H, W, result, other}, up ? 0 : gap + 1, !up), how);
}

template <class F>
std::string error_with(PixelLayout in, PixelLayout out, const F& change) {
  std::vector<float> from(400, 0.5f), to(400);
  change(from);
  const Network net = network();
  eqsr::Context<Cpu> ctx(1);
  return error_of(
      [&] { eqsr::upscale(ctx, net, ConstPixels(from.data(), in), Pixels(to.data(), out)); });
}
std::string error_with(PixelLayout in, PixelLayout out) {
  return error_with(in, out, [](auto&) {});
}
}  // namespace

TEST_CASE_TEMPLATE("pixels: every type, channel, order and stride as the image", In, std::uint8_t,
                   std::uint16_t, Half, float) {
  all_layouts<In, std::uint8_t>();
  all_layouts<In, std::uint16_t>();
  all_layouts<In, Half>();
  all_layouts<In, float>();
}

TEST_CASE("pixels: a view as an image") {
  const std::uint8_t bgra[8] = {0, 51, 255, 102, 255, 0, 0, 255};
  const eqsr::Image image = eqsr::to_image(
      ConstPixels(bgra, {.height = 1, .width = 2, .channels = 4, .order = Order::bgr}));
  CHECK(image.channels == 4);
  CHECK(same_bits(image.pixels, {1, 0.2f, 0, 0.4f, 0, 0, 1, 1}));
  const std::uint16_t grey[1] = {65535};
  CHECK(
      same_bits(eqsr::to_image(ConstPixels(grey, {.height = 1, .width = 1, .channels = 1})).pixels,
                {1, 1, 1}));
}

TEST_CASE("pixels: layouts that cannot be are refused with a reason") {
  const PixelLayout good{.height = 4, .width = 4};
  CHECK(error_with(good, good) == "no error");
  CHECK(error_with({.height = 4, .width = 4, .channels = 2}, good)
            .starts_with("bad_argument: Pixels of 2 channels"));
  CHECK(error_with({.height = 0, .width = 4}, good).starts_with("bad_argument: There are no"));
  CHECK(error_with(good, {.height = 4, .width = -4}).starts_with("bad_argument: There are no"));
  CHECK(error_of([] {
          ConstPixels(static_cast<float*>(nullptr), {.height = 1, .width = 1});
        }).starts_with("bad_argument: There are no pixels in a view of 1 x 1 pixels at a null"));
  for (const Index stride : {47, 1, -1, -47})
    CHECK(error_with(good, {.height = 4, .width = 4, .stride = stride})
              .starts_with(eqsr::say("bad_argument: The stride of ", stride, " bytes is less")));
  CHECK(error_with(good, {.height = 4, .width = 4, .stride = 48}) == "no error");
  CHECK(error_with({.height = 4, .width = 4, .channels = 4}, good)
            .starts_with("bad_argument: The input has alpha, but the result has 3 channels"));
}

TEST_CASE("pixels: what is not finite is refused, in and out") {
  const PixelLayout good{.height = 4, .width = 4};
  CHECK(error_with(good, good, [](auto& from) {
          from[4 * 3 * 2 + 3 * 3] = std::nanf("");
        }).starts_with("nonfinite_input: The pixel of row 2 and column 3"));
  const Half infinite[3] = {{0}, {0x7C00}, {0}};
  CHECK(error_of([&] {
          eqsr::to_image(ConstPixels(infinite, {.height = 1, .width = 1}));
        }).starts_with("nonfinite_input: The pixel of row 0 and column 0"));
  std::vector<float> from(48, 0.5f), to(48, 9);
  Network net = network();
  net.upsampler.to_rgb.bias(1) = std::numeric_limits<float>::infinity();
  eqsr::Context<Cpu> ctx(1);
  CHECK(error_of([&] {
          eqsr::upscale(ctx, net, ConstPixels(from.data(), good), Pixels(to.data(), good));
        }).starts_with("nonfinite_result: "));
  CHECK(to == std::vector<float>(48, 9));
}

TEST_CASE("pixels: views overlap where they have a byte in common") {
  std::vector<std::uint8_t> memory(1000);
  const auto at = [&](int offset, PixelLayout layout) {
    return Pixels(memory.data() + offset, layout);
  };
  const PixelLayout small{.height = 4, .width = 4, .stride = 40};  // rows of 12 bytes
  const PixelLayout upward{.height = 4, .width = 4, .stride = -40};
  CHECK(eqsr::overlap(at(0, small), at(0, small)));
  CHECK_FALSE(eqsr::overlap(at(0, small), at(12, small)));  // side by side
  CHECK(eqsr::overlap(at(0, small), at(11, small)));
  CHECK_FALSE(eqsr::overlap(at(12, small), at(0, small)));
  CHECK(eqsr::overlap(at(0, small), at(131, small)));  // the last byte of the last row
  CHECK_FALSE(eqsr::overlap(at(0, small), at(132, small)));
  CHECK_FALSE(eqsr::overlap(at(132, small), at(0, small)));
  CHECK(eqsr::overlap(at(120, upward), at(0, small)));
  CHECK(eqsr::overlap(at(0, small), at(120, upward)));
  CHECK_FALSE(eqsr::overlap(at(132, upward), at(0, small)));
  CHECK(eqsr::overlap(at(0, {.height = 1, .width = 300}), at(899, {.height = 1, .width = 1})));
  CHECK_FALSE(
      eqsr::overlap(at(0, {.height = 1, .width = 300}), at(900, {.height = 1, .width = 1})));

  const Network net = network();
  eqsr::Context<Cpu> ctx(1);
  CHECK(error_of([&] {
          eqsr::upscale(ctx, net, at(0, small), at(11, small));
        }).starts_with("bad_argument: The result would be written over the input"));
  memory.assign(1000, 7);
  eqsr::upscale(ctx, net, at(0, small), at(12, small));  // a picture and its result side by side
  CHECK(memory[11] == 7);
  CHECK(memory[24] == 7);
}

TEST_CASE("pixels: the plan counts what views take, and a budget is kept") {
  const Network net = network();
  eqsr::Context<Cpu> ctx(1);
  std::vector<std::uint8_t> from(20 * 30 * 4, 100), to(200 * 300 * 4);
  const ConstPixels in(from.data(), {.height = 20, .width = 30, .channels = 4});
  const Pixels out(to.data(), {.height = 200, .width = 300, .channels = 4});
  const auto plain = eqsr::plan_upscale_rows(ctx, net, 20, 30, {.height = 200, .width = 300});
  const auto plan = eqsr::plan_upscale(ctx, net, in, out);
  CHECK(plan.bytes >= plain.bytes + 4 * 200 * 300 + 16 * 20 * 30);
  CHECK(plan.bytes < plain.bytes + 4 * 200 * 300 + 16 * 20 * 30 + 300 * 100);
  CHECK(eqsr::plan_upscale(ctx, net, in, out, Alpha::drop).bytes + 4 * 200 * 300 <= plan.bytes);
  eqsr::upscale(ctx, net, in, out);
  const auto truth = to;
  ctx.max_memory = plan.bytes - 1;
  CHECK(eqsr::plan_upscale(ctx, net, in, out).storage != eqsr::Storage::both);
  to.assign(to.size(), 0);
  eqsr::upscale(ctx, net, in, out);
  CHECK(to == truth);
  ctx.max_memory = 300'000;
  CHECK(error_of([&] { eqsr::upscale(ctx, net, in, out); }).starts_with("memory_budget: "));
}
