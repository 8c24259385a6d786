// SPDX-License-Identifier: Apache-2.0
#include "second.hpp"

#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>
#include <eqsr/io/weights/pth.hpp>

// The program's own stb, with formats that eqsr leaves out and external linkage.
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

bool own_stb_reads(const std::string& bytes) {
  int width = 0, height = 0, channels = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  unsigned char* pixels =
      stbi_load_from_memory(data, static_cast<int>(bytes.size()), &width, &height, &channels, 0);
  const bool read = pixels != nullptr && width == 22 && height == 15;
  stbi_image_free(pixels);
  int* delays = nullptr;  // only there when the formats were not switched off
  return read && stbi_load_gif_from_memory(data, 0, &delays, &width, &height, &channels, &channels,
                                           0) == nullptr;
}

std::size_t planned_bytes() {
  const eqsr::Context<eqsr::Cpu> ctx(1);
  const eqsr::Net<small, eqsr::Cpu> net;
  return eqsr::plan_upscale(ctx, net, 6, 9, {.scale = 2.5}).bytes;
}
