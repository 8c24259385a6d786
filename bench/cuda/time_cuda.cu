// SPDX-License-Identifier: Apache-2.0
// Times networks and operators on a GPU and prints one JSON line each:
//
//     time_cuda WHAT [HEIGHT WIDTH NEW_HEIGHT NEW_WIDTH]
//
// WHAT is base, lite, linear, conv2d, window_attention, overlapping_attention, mlp or
// kriging_upsampler. Operators take the shapes of `base` at HEIGHT x WIDTH. Times are those of
// events on the stream, kernel by kernel without a graph, with data on the device; medians of 20
// after 3 that are not counted, and `timed` says so. bench/gpu.sh prints ratios.
#include <eqsr/eqsr.cuh>

#include <cuda_runtime.h>

#include "support/module.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using eqsr::Axis;
using eqsr::Cuda;
using eqsr::Index;
using eqsr::Precision;
using Context = eqsr::Context<Cuda>;

template <int C>
using Map = eqsr::Tensor<Cuda, float, Axis<'h'>, Axis<'w'>, Axis<'c', C>>;

struct Sizes {
  int h = 270, w = 480, H = 1080, W = 1920;
};

/// The median milliseconds of `work`.
template <class Work>
double median_ms(Context& ctx, const Work& work) {
  std::vector<float> times;
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  for (int i = 0; i < 23; ++i) {
    cudaEventRecord(begin, ctx.stream());
    work();
    cudaEventRecord(end, ctx.stream());
    ctx.sync();
    float ms = 0;
    cudaEventElapsedTime(&ms, begin, end);
    if (i >= 3) times.push_back(ms);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::nth_element(times.begin(), times.begin() + 10, times.end());
  return double(times[10]);
}

/// Times `layer.forward(ctx, arguments...)` in every mode.
template <class Layer, class... Arguments>
void time_layer(const std::string& what, const Sizes& s, Layer& layer,
                const Arguments&... arguments) {
  eqsr_test::fill(layer);
  constexpr const char* names[] = {"float32", "bf16x3", "bf16"};
  for (const auto precision : {Precision::float32, Precision::bf16x3, Precision::bf16}) {
    Context ctx(0, precision);
    const eqsr::Plan plan = eqsr::plan(ctx, layer, arguments...);
    ctx.reserve(plan.workspace);
    const double ms = median_ms(ctx, [&] { layer.forward(ctx, arguments...); });
    std::printf(
        "{\"what\": \"%s\", \"mode\": \"%s\", \"size\": \"%dx%d\", \"target\": \"%dx%d\", "
        "\"timed\": \"events on the stream, no graph, data on the device\", "
        "\"seconds\": %.6g, \"tflops\": %.4g, \"workspace_mib\": %zu}\n",
        what.c_str(), names[int(precision)], s.h, s.w, s.H, s.W, ms / 1e3,
        plan.cost.flops / ms / 1e9, plan.workspace >> 20);
  }
}

template <eqsr::Config config>
void time_net(const std::string& what, const Sizes& s) {
  eqsr::Net<config, Cuda> net;
  Map<3> x(s.h, s.w), y(s.H, s.W);
  const auto image = eqsr_test::image_map("input", s.h, s.w);
  x.copy_from_host(image.values.data());
  time_layer(what, s, net, eqsr::Plane<const float, 3>(std::as_const(x).view()),
             eqsr::Plane<float, 3>(y.view()));
}

void time_what(const std::string& what, Sizes s) {
  if (what == "base") return time_net<eqsr::base>(what, s);
  if (what == "lite") return time_net<eqsr::lite>(what, s);
  constexpr int C = 180;
  s.h = int(eqsr::round_up(s.h, 16));
  s.w = int(eqsr::round_up(s.w, 16));
  Map<C> x(s.h, s.w), y(s.h, s.w);
  const eqsr::Plane<const float, C> in = std::as_const(x).view();
  const eqsr::Plane<float, C> out = y.view();
  if (what == "linear") {
    Map<3 * C> wide(s.h, s.w);
    eqsr::Linear<C, 3 * C, Cuda> layer;
    time_layer(what, s, layer, eqsr::rows(in), eqsr::rows(eqsr::Plane<float, 3 * C>(wide.view())));
  } else if (what == "conv2d") {
    eqsr::Conv2d<C, C, 3, Cuda> layer;
    time_layer(what, s, layer, in, out);
  } else if (what == "window_attention") {
    eqsr::WindowAttention<C, 6, 16, Cuda> layer;
    time_layer(what, s, layer, in, 8, out);
  } else if (what == "overlapping_attention") {
    eqsr::OverlappingAttention<C, 6, 16, 24, Cuda> layer;
    time_layer(what, s, layer, in, out);
  } else if (what == "mlp") {
    eqsr::Mlp<C, 2 * C, Cuda> layer;
    time_layer(what, s, layer, eqsr::rows(in), eqsr::rows(out));
  } else if (what == "kriging_upsampler") {
    Map<3> pixels(s.H, s.W);
    eqsr::KrigingUpsampler<C, Cuda> layer;
    time_layer(what, s, layer, in, eqsr::Plane<float, 3>(pixels.view()));
  } else {
    eqsr::detail::fail("bad_argument", {"There is nothing called ", what, " to time."});
  }
}

}  // namespace

int main(int argc, char** argv) try {
  Sizes s;
  int* const sizes[] = {&s.h, &s.w, &s.H, &s.W};
  for (int i = 2; i < argc && i < 6; ++i) *sizes[i - 2] = std::atoi(argv[i]);
  time_what(argc > 1 ? argv[1] : "base", s);
  return 0;
} catch (const eqsr::Error& error) {
  std::fprintf(stderr, "%s%s\n", error.code() == "no_device" ? "skipped: " : "", error.what());
  return error.code() == "no_device" ? 77 : 1;
}
