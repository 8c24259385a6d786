// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/context.hpp>  // Context<Cuda>
#include <eqsr/cuda/pixels.cuh>   // read_pixels
#include <eqsr/upscale.hpp>       // Transfer

#include <bit>  // bit_cast

namespace eqsr { inline namespace EQSR_ABI {

/// Pictures go to the device and back; a size that was met before runs as a recorded graph.
///
/// The first picture of a size runs kernel by kernel, which also prepares the weights. The second
/// is recorded, and from then on it is replayed, as long as the size, the storage policy, the
/// precision, the parameters and the workspace stay what they were; the context keeps the graphs of
/// several. Where somebody watches the progress or may stop it, a graph is as many launches as
/// there are checkpoints, else one. Nothing is recorded where the result is handed on band by band.
template <>
struct Transfer<Cuda> {
  static constexpr bool shares_memory = true;  ///< with all programs on the device
  static constexpr bool takes_pixels = true;

  static bool on_device(const Context<Cuda>& ctx, const ConstPixels& from, const ConstPixels& to) {
    return gpu::on_device(ctx, from, to);
  }

  static void forward(AnyContext auto& ctx, const auto& net, Plane<const float, 3> x,
                      const Bands& bands, std::optional<float> condition) {
    expect_here(ctx, net);
    Scope scope(ctx);
    const auto low = scope.template plane<3>(x.extent<'h'>(), x.extent<'w'>());
    ctx.copy(low.data(), x.data(), static_cast<std::size_t>(x.size()) * sizeof(float));
    if (!bands.whole) {
      row_by_row(ctx, bands,
                 [&](const Bands& here) { forward_bands(ctx, net, low, here, condition); });
      return;
    }
    const auto high = scope.template plane<3>(bands.height, bands.width);
    run_or_replay(ctx, net, low, whole(bands, high), condition);
    bring_back(ctx, high, bands);
  }

  /// From pixels on the device to pixels there. It returns when the work is queued.
  static void enlarge(AnyContext auto& ctx, const auto& net, const ConstPixels& from,
                      const Pixels& to, Storage storage, std::optional<float> condition) {
    expect_here(ctx, net);
    Scope scope(ctx);
    const auto low = scope.template plane<3>(from.height(), from.width());
    const auto high = scope.template plane<3>(to.height(), to.width());
    read(ctx, from, low);
    run_or_replay(ctx, net, low,
                  whole({.height = to.height(), .width = to.width(), .storage = storage}, high),
                  condition);
    write(ctx, high, to);
  }

  static void reconstruct(AnyContext auto& ctx, const auto& net, Plane<const float, 3> x,
                          const auto& f, const Bands& bands) {
    expect_here(ctx, net);
    Scope scope(ctx);
    const auto high = scope.template plane<3>(bands.height, bands.width);
    net.reconstruct(ctx, x, f, whole(bands, high));
    bring_back(ctx, high, bands);
  }

 private:
  using Dry = Context<DryRun<Cuda>>;

  /// Kernels cannot follow pointers to another device.
  static void expect_here(const Context<Cuda>& ctx, const auto& net) {
    const void* first = nullptr;
    for_each_parameter(net, [&](const std::string&, const auto& tensor) {
      if (!first) first = tensor.data();
    });
    if (!first) return;
    const int device = gpu::device_of(first);
    EQSR_EXPECTS(device == ctx.device(), "wrong_device", "The network lies on CUDA device ", device,
                 ", but the context computes on device ", ctx.device(),
                 ". Load it with this context, or select the device before it is made.");
  }
  static void expect_here(const Dry&, const auto&) {}

  static void read(Context<Cuda>& ctx, const ConstPixels& from, Plane<float, 3> low) {
    gpu::read_pixels(ctx, from, low);
  }
  static void write(Context<Cuda>& ctx, Plane<const float, 3> high, const Pixels& to) {
    gpu::write_pixels(ctx, high, to);
  }
  static void read(Dry&, const ConstPixels&, Plane<float, 3>) {}
  static void write(Dry&, Plane<const float, 3>, const Pixels&) {}

  static void to_host(Context<Cuda>& ctx, Plane<const float, 3> from, float* to) {
    ctx.copy(to, from.data(), static_cast<std::size_t>(from.size()) * sizeof(float));
    ctx.sync();
  }
  static void bring_back(Context<Cuda>& ctx, Plane<const float, 3> high, const Bands& bands) {
    to_host(ctx, high, bands.whole);
    bands.finish(0, Plane<float, 3>(bands.whole, bands.height, bands.width));
  }
  /// The whole image on the device.
  static Bands whole(const Bands& bands, Plane<float, 3> high) {
    return {.height = bands.height,
            .width = bands.width,
            .whole = high.data(),
            .storage = bands.storage};
  }
  static void bring_back(Dry&, Plane<float, 3>, const Bands&) {}

  /// Calls `compute(bands)` for bands on the device. Each is brought to the host while the next is
  /// computed, and handed on when the next is queued.
  static void row_by_row(Context<Cuda>& ctx, const Bands& bands, const auto& compute) {
    gpu::RowFetcher& fetcher = ctx.rows_to_host();
    struct Drop {
      gpu::RowFetcher& fetcher;
      ~Drop() { fetcher.drop(); }
    } const drop{fetcher};
    const auto hand_on = [&] {
      fetcher.hand_on([&](Index y, Plane<float, 3> rows) { bands.finish(y, rows); });
    };
    Bands here{.height = bands.height, .width = bands.width, .storage = bands.storage};
    here.take = [&](Index y, Plane<float, 3> rows) {
      fetcher.fetch(ctx.stream(), y, rows);
      if (fetcher.on_their_way() > 1) hand_on();
    };
    compute(here);
    while (fetcher.on_their_way() > 0) hand_on();
  }
  static void row_by_row(Dry&, const Bands& bands, const auto& compute) {
    compute(Bands{.height = bands.height, .width = bands.width, .storage = bands.storage});
  }

  static void run_or_replay(Dry& ctx, const auto& net, Plane<const float, 3> low, const Bands& high,
                            std::optional<float> condition) {
    forward_bands(ctx, net, low, high, condition);
  }
  static void run_or_replay(Context<Cuda>& ctx, const auto& net, Plane<const float, 3> low,
                            const Bands& high, std::optional<float> condition) {
    const auto run = [&] { forward_bands(ctx, net, low, high, condition); };
    if (ctx.record_graphs)
      ctx.run_or_replay(key_of(ctx, net, low, high, condition), run);
    else
      run();
  }
  static gpu::Graph::Key key_of(const Context<Cuda>& ctx, const auto& net,
                                Plane<const float, 3> low, const Bands& high,
                                std::optional<float> condition) {
    Encoding encoding = Encoding::division;
    if constexpr (requires { net.encoding; }) encoding = net.encoding;
    std::uint64_t newest = 0;
    for_each_parameter(net, [&](const std::string&, const auto& tensor) {
      newest = (std::max)(newest, tensor.stamp());
    });
    const auto number = [](auto value) { return static_cast<std::uint64_t>(value); };
    return {std::bit_cast<std::uint64_t>(low.data()),
            number(low.extent<'h'>()),
            number(low.extent<'w'>()),
            number(high.height),
            number(high.width),
            number(high.storage),
            number(ctx.band_height),
            number(ctx.precision),
            number(encoding),
            number(ctx.watched()),
            newest,
            condition ? std::bit_cast<std::uint32_t>(*condition) : ~std::uint64_t{0}};
  }
};

}}  // namespace eqsr::EQSR_ABI
