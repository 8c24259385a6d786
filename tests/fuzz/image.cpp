// SPDX-License-Identifier: Apache-2.0
// PNG and JPEG pictures. Checksums of PNG chunks are put right first, so that the fuzzer gets past
// them; what decodes must be written and read again.
#include <eqsr/io/image.hpp>

#include "fuzz.hpp"

namespace {

std::string with_checksums(std::string bytes) {
  if (!bytes.starts_with(eqsr::detail::png_signature)) return bytes;
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i)
      length = length << 8U | static_cast<unsigned char>(bytes[at + i]);
    if (length > bytes.size() - at - 12) break;
    std::string checksum;
    eqsr::detail::store_big32(checksum, eqsr::detail::crc32(&bytes[at + 4], length + 4));
    bytes.replace(at + 8 + length, 4, checksum);
    at += length + 12;
  }
  return bytes;
}

}  // namespace

EQSR_FUZZ(bytes) {
  return eqsr_fuzz::survive([&] {
    eqsr::ReadOptions options;
    options.max_pixels = 1 << 16;
    const std::string picture = with_checksums(std::string(bytes));
    const eqsr::Picture first = eqsr::decode_picture(picture, options);
    const std::string again =
        eqsr::encode_image(".png", first.image, {.bits = first.bits, .metadata = first.metadata});
    if (eqsr::decode_picture(again, options).image.pixels != first.image.pixels) std::abort();
  });
}
