// SPDX-License-Identifier: Apache-2.0
// Pictures that are on the GPU already, as a video decoder or another network leaves them: bytes
// in, halves out, on a stream of your own, without a way over the host. Nothing here is trained.
#include <eqsr/eqsr.cuh>

#include <thrust/device_vector.h>
#include <thrust/sequence.h>

#include <cuda_fp16.h>

#include <cstdint>
#include <cstdio>

#include "random_weights.hpp"

inline constexpr eqsr::Config mine{.channels = 24, .depths = {1}, .heads = 2, .window = 8};

// [pixels]
/// Enlarges a frame of BGRA bytes into halves, RGB; both lie in device memory.
void enlarge(eqsr::Context<eqsr::Cuda>& ctx, const eqsr::Net<mine, eqsr::Cuda>& net,
             const std::uint8_t* frame, eqsr::Size from, __half* result, eqsr::Size to) {
  const eqsr::PixelLayout bgra{
      .height = from.height, .width = from.width, .channels = 4, .order = eqsr::Order::bgr};
  eqsr::upscale(
      ctx, net, eqsr::ConstPixels(frame, bgra),
      eqsr::Pixels(reinterpret_cast<eqsr::Half*>(result), {.height = to.height, .width = to.width}),
      eqsr::Alpha::drop);
}
// [pixels]

int main() try {
  constexpr eqsr::Size small{9, 12}, large{23, 40};
  eqsr::Context<eqsr::Cuda> first;  // says whether there is a device
  cudaStream_t stream = nullptr;
  cudaStreamCreate(&stream);
  double sum = 0;
  {
    eqsr::Context<eqsr::Cuda> ctx(0, stream);
    eqsr::Net<mine, eqsr::Cuda> net;
    fill_with_random_weights(net);
    thrust::device_vector<std::uint8_t> frame(small.height * small.width * 4);
    thrust::sequence(frame.begin(), frame.end());
    thrust::device_vector<__half> result(large.height * large.width * 3);
    cudaDeviceSynchronize();  // Thrust works on the default stream

    enlarge(ctx, net, frame.data().get(), small, result.data().get(), large);  // is queued
    ctx.sync();
    for (std::size_t i = 0; i < result.size(); ++i) sum += double(__half2float(result[i]));
    std::printf("9 x 12 bytes became 23 x 40 halves of mean %g\n", sum / double(result.size()));
  }
  cudaStreamDestroy(stream);
  return sum == sum ? 0 : 1;
} catch (const eqsr::Error& error) {
  std::printf("skipped: %s\n", error.what());
  return error.code() == "no_device" ? 77 : 1;
}
