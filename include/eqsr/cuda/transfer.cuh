// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/cuda/context.hpp>  // Context<Cuda>
#include <eqsr/upscale.hpp>       // Transfer

#include <bit>  // bit_cast

namespace eqsr::inline EQSR_ABI {

/// Pictures go to the device and back; a size that was met before runs as one recorded graph.
///
/// The first picture of a size runs kernel by kernel, which also prepares the weights. The second
/// is recorded, and from then on one launch replays it: as long as the size, the storage policy,
/// the precision, the parameters and the workspace stay what they were. Nothing is recorded while
/// somebody watches the progress or may stop it, since a graph has no places to do so.
template <>
struct Transfer<Cuda> {
  static std::size_t workspace(Plane<const float, 3> x, Plane<float, 3> y) {
    return bytes(x) + bytes(y);
  }

  template <Config config>
  static void forward(Context<Cuda>& ctx, const Net<config, Cuda>& net, Plane<const float, 3> x,
                      Plane<float, 3> y, std::optional<float> condition) {
    Scope scope(ctx);
    const Index h = x.extent<'h'>(), w = x.extent<'w'>(), H = y.extent<'h'>(), W = y.extent<'w'>();
    const auto low = scope.template plane<3>(h, w), high = scope.template plane<3>(H, W);
    ctx.copy(low.data(), x.data(), static_cast<std::size_t>(x.size()) * sizeof(float));
    const auto run = [&] { net.forward(ctx, low, high, condition); };
    if (!ctx.record_graphs || ctx.on_progress || ctx.stop.stop_possible()) {
      run();
    } else {
      const auto number = [](auto value) { return static_cast<std::uint64_t>(value); };
      gpu::Graph::Key key{std::bit_cast<std::uint64_t>(low.data()),
                          number(h),
                          number(w),
                          number(H),
                          number(W),
                          number(ctx.storage),
                          number(ctx.precision),
                          number(net.encoding),
                          newest_parameter(net),
                          condition ? std::bit_cast<std::uint32_t>(*condition) : ~std::uint64_t{0}};
      gpu::Graph& graph = ctx.graph();
      if (!graph.seen(key)) {
        run();
        graph.see(std::move(key));
      } else {
        if (!graph.recorded()) graph.record(ctx.stream(), run);
        graph.launch(ctx.stream());
      }
    }
    ctx.copy(y.data(), high.data(), static_cast<std::size_t>(y.size()) * sizeof(float));
    ctx.sync();
  }

 private:
  static std::size_t bytes(const auto& plane) {
    return Arena<Cuda>::rounded(static_cast<std::size_t>(plane.size()) * sizeof(float));
  }
  static std::uint64_t newest_parameter(const auto& net) {
    std::uint64_t newest = 0;
    for_each_parameter(net, [&](const std::string&, const auto& tensor) {
      newest = std::max(newest, tensor.stamp());
    });
    return newest;
  }
};

}  // namespace eqsr::inline EQSR_ABI
