// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "libraries.hpp"

#if EQSR_HAS_SPNG
#include <eqsr/core/samples.hpp>
#include <eqsr/io/picture/decoder.hpp>

#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include <spng.h>

namespace tool {

/// A PNG decoded by libspng: row by row, an interlaced one as a whole.
inline eqsr::Image decoded_png(const eqsr::CheckedPicture& picture) {
  const eqsr::PictureHeader& header = picture.header;
  const int channels = picture.channels;
  const auto expect = [&](int result) {
    if (result == SPNG_EMEM) throw std::bad_alloc();
    if (result != 0 && result != SPNG_EOI)
      picture.errors.corrupt({"its data cannot be decoded (", spng_strerror(result), ")"});
  };
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> decoder(spng_ctx_new(0), spng_ctx_free);
  expect(decoder != nullptr ? 0 : SPNG_EMEM);
  // The checksums were compared before, and those of the essence are not written.
  expect(spng_set_crc_action(decoder.get(), SPNG_CRC_USE, SPNG_CRC_USE));
  expect(spng_set_png_buffer(decoder.get(), picture.bytes.data(), picture.bytes.size()));
  const bool deep = header.bits == 16;
  // Of 16 bits a sample, libspng gives four channels or one, not three.
  const spng_format format = deep            ? SPNG_FMT_RGBA16
                             : channels == 4 ? SPNG_FMT_RGBA8
                                             : SPNG_FMT_RGB8;
  const std::size_t given = deep ? 4 : static_cast<std::size_t>(channels);
  const std::size_t row_samples = given * header.width;
  spng_ihdr ihdr{};
  expect(spng_get_ihdr(decoder.get(), &ihdr));
  const bool whole = ihdr.interlace_method != 0;
  const std::size_t rows = whole ? header.height : 1;
  std::vector<std::uint8_t> narrow(deep ? 0 : row_samples * rows);
  std::vector<std::uint16_t> wide(deep ? row_samples * rows : 0);
  void* const samples = deep ? static_cast<void*>(wide.data()) : narrow.data();
  const std::size_t size = row_samples * rows * (deep ? 2 : 1);
  if (whole)
    expect(spng_decode_image(decoder.get(), samples, size, format, SPNG_DECODE_TRNS));
  else
    expect(spng_decode_image(decoder.get(), nullptr, 0, format,
                             SPNG_DECODE_TRNS | SPNG_DECODE_PROGRESSIVE));
  eqsr::Image image =
      eqsr::blank_image(static_cast<int>(header.height), static_cast<int>(header.width), channels);
  float* out = image.pixels.data();
  for (std::size_t y = 0; y < header.height; ++y) {
    if (!whole) expect(spng_decode_row(decoder.get(), samples, size));
    const std::size_t start = whole ? y * row_samples : 0;
    for (std::size_t i = 0; i < row_samples; ++i) {
      if (i % given >= static_cast<std::size_t>(channels)) continue;
      *out++ = deep ? eqsr::to_float(wide[start + i]) : eqsr::to_float(narrow[start + i]);
    }
  }
  return image;
}

/// What it takes beside the file and the image: the rows, inflated to be checked.
inline std::size_t png_bytes(const eqsr::PictureHeader& header) {
  const auto channels = static_cast<std::size_t>(header.bits == 16 ? 4 : header.channels);
  return std::size_t{header.width} * header.height * channels * (header.bits == 16 ? 2 : 1) +
         header.height + (std::size_t{1} << 20);
}

}  // namespace tool
#endif
