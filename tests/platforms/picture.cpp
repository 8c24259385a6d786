// SPDX-License-Identifier: Apache-2.0
// The README's program for another machine, and the comparison of its result with this one's:
//     picture WEIGHTS IN OUT SCALE
//     picture --compare A B      fails above one level of 255
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {
int compare(const char* one, const char* other) {
  const eqsr::Image a = eqsr::read_image(one), b = eqsr::read_image(other);
  if (a.height != b.height || a.width != b.width || a.channels != b.channels) {
    std::printf("%d x %d and %d x %d differ\n", a.width, a.height, b.width, b.height);
    return 1;
  }
  long largest = 0, differing = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    const long levels = std::lround(255 * std::abs(a.pixels[i] - b.pixels[i]));
    largest = (std::max)(largest, levels);
    differing += levels != 0;
  }
  std::printf("picture: %ld of %zu samples differ, by %ld at most\n", differing, a.pixels.size(),
              largest);
  return largest > 1;
}
}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 4 && std::string_view(argv[1]) == "--compare") return compare(argv[2], argv[3]);
    if (argc != 5) return 2;
    eqsr::Context<eqsr::Cpu> ctx;
    const auto net = eqsr::load<eqsr::lite>(ctx, argv[1]);
    const eqsr::Image low = eqsr::read_image(argv[2]);
    eqsr::write_image(argv[3], eqsr::upscale(ctx, net, low, {.scale = std::atof(argv[4])}));
    std::printf("%s\n", eqsr::isa_name(ctx.isa()));
    return 0;
  } catch (const eqsr::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
