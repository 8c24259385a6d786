// SPDX-License-Identifier: Apache-2.0
// Features in a thrust::device_vector in, pixels in another one out, without a copy: the library
// works on any device memory. Thrust appears here only.
#include <eqsr/eqsr.cuh>

#include <thrust/device_vector.h>
#include <thrust/reduce.h>
#include <thrust/sequence.h>

#include <cstdio>

#include "random_weights.hpp"

int main() try {
  constexpr int channels = 24, height = 9, width = 12, target_height = 23, target_width = 40;
  eqsr::Context<eqsr::Cuda> ctx;

  thrust::device_vector<float> features(height * width * channels);
  thrust::sequence(features.begin(), features.end(), -1.0f, 2.0f / float(features.size()));
  thrust::device_vector<float> picture(target_height * target_width * 3);

  const eqsr::Plane<const float, channels> x(features.data().get(), height, width);
  const eqsr::Plane<float, 3> y(picture.data().get(), target_height, target_width);
  eqsr::KrigingUpsampler<channels, eqsr::Cuda> upsampler;
  fill_with_random_weights(upsampler);

  cudaDeviceSynchronize();  // Thrust works on the default stream, the context on its own
  ctx.reserve(eqsr::plan(ctx, upsampler, x, y).workspace);
  upsampler.forward(ctx, x, y);
  ctx.sync();

  const float mean = thrust::reduce(picture.begin(), picture.end()) / float(picture.size());
  std::printf("%d x %d features became %d x %d pixels of mean %g\n", height, width, target_height,
              target_width, double(mean));
  return mean == mean ? 0 : 1;
} catch (const eqsr::Error& error) {
  std::printf("skipped: %s\n", error.what());
  return error.code() == "no_device" ? 77 : 1;
}
