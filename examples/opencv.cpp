// SPDX-License-Identifier: Apache-2.0
// A cv::Mat enlarged into another, where both lie; needs OpenCV's core module and nothing else of
// it.
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>
#include <opencv2/core.hpp>

#include <cstdio>

namespace {

eqsr::PixelLayout layout(const cv::Mat& mat) {
  return {.height = mat.rows,
          .width = mat.cols,
          .channels = mat.channels(),
          .order = eqsr::Order::bgr,
          .stride = static_cast<std::ptrdiff_t>(mat.step[0])};
}
eqsr::ConstPixels pixels_of(const cv::Mat& mat) { return {mat.ptr<std::uint8_t>(), layout(mat)}; }
eqsr::Pixels pixels_of(cv::Mat& mat) { return {mat.ptr<std::uint8_t>(), layout(mat)}; }

}  // namespace

int main() {
  eqsr::Context<eqsr::Cpu> ctx;
  const auto net = eqsr::load<eqsr::lite>(ctx, "weights/eqsr-lite.safetensors");
  const eqsr::Image photo = eqsr::read_image("examples/photo.png");
  const std::vector<std::uint8_t> bytes = eqsr::to_bytes(photo);
  cv::Mat whole(photo.height, photo.width, CV_8UC3);
  for (int y = 0; y < whole.rows; ++y)
    for (int x = 0; x < whole.cols; ++x) {
      const std::uint8_t* rgb = &bytes[std::size_t(y * whole.cols + x) * 3];
      whole.at<cv::Vec3b>(y, x) = {rgb[2], rgb[1], rgb[0]};
    }
  const cv::Mat small = whole(cv::Rect(50, 60, 48, 32));  // a part: its rows have gaps

  cv::Mat large(small.rows * 5 / 2, small.cols * 5 / 2, CV_8UC3);
  // [opencv]
  eqsr::upscale(ctx, net, pixels_of(small), pixels_of(large));
  // [opencv]

  const eqsr::Image truth = eqsr::upscale(ctx, net, eqsr::to_image(pixels_of(small)),
                                          {.height = large.rows, .width = large.cols});
  const std::vector<std::uint8_t> expected = eqsr::to_bytes(truth);
  int wrong = 0;
  for (int y = 0; y < large.rows; ++y)
    for (int x = 0; x < large.cols; ++x)
      for (int c = 0; c < 3; ++c)
        wrong += large.at<cv::Vec3b>(y, x)[2 - c] !=
                 expected[std::size_t(y * large.cols + x) * 3 + std::size_t(c)];
  std::printf("48 x 32 pixels of a cv::Mat became %d x %d; %d samples are wrong\n", large.cols,
              large.rows, wrong);
  return wrong == 0 ? 0 : 1;
}
