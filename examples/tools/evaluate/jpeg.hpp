// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "bytes.hpp"
#include "common/picture/jpeg_decoder.hpp"
#include "common/picture/jpeg_encoder.hpp"

/// A picture through a JPEG encoder and back, by libjpeg where the build has found it.
namespace tool {

#if EQSR_HAS_JPEG

/// Which encoder it is, with its version.
inline std::string jpeg_encoder() {
#ifdef LIBJPEG_TURBO_VERSION_NUMBER
  constexpr int version = LIBJPEG_TURBO_VERSION_NUMBER;  // 2001005 is 2.1.5
  return "libjpeg-turbo " + std::to_string(version / 1000000) + "." +
         std::to_string(version / 1000 % 1000) + "." + std::to_string(version % 1000);
#else
  return "libjpeg " + std::to_string(JPEG_LIB_VERSION / 10) + "." +
         std::to_string(JPEG_LIB_VERSION % 10);
#endif
}

/// 4:2:0, or 4:4:4 with `full_colour`; the standard tables, the accurate integer transform.
inline Bytes through_jpeg(Bytes bytes, int quality, bool full_colour) {
  JpegEncoder encoder;
  encoder.start(bytes.width, bytes.height, 3, quality, full_colour);
  for (int y = 0; y < bytes.height; ++y) encoder.write_row(&bytes.pixels[bytes.at(y, 0)]);
  const std::string file = encoder.finish();

  JpegDecoder decoder;
  bool good = decoder.start(file, std::uint32_t(bytes.width), std::uint32_t(bytes.height));
  for (int y = 0; good && y < bytes.height; ++y)
    good = decoder.read_row(&bytes.pixels[bytes.at(y, 0)]);
  EQSR_EXPECTS(good, "bad_argument", "libjpeg does not read what it has written (",
               decoder.complaint(), "). Leave --degrade jpeg out.");
  return bytes;
}

#else

inline std::string jpeg_encoder() { return {}; }
inline Bytes through_jpeg(Bytes bytes, int, bool) { return bytes; }  // refused before

#endif

}  // namespace tool
