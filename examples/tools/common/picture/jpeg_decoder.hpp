// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "libraries.hpp"

#if EQSR_HAS_JPEG
#include <eqsr/core/samples.hpp>
#include <eqsr/io/picture/decoder.hpp>

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>
#include <string_view>
#include <vector>

// Behind <cstdio>, whose FILE they need.
#include <jerror.h>
#include <jpeglib.h>

namespace tool {

/// A JPEG decoded by libjpeg-turbo, row by row. Its errors leave C with longjmp, so that nothing
/// with a destructor is between them and `guarded`.
class JpegDecoder {
 public:
  JpegDecoder() {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = [](j_common_ptr info) {
      info->err->format_message(info, of(info).message);
      std::longjmp(of(info).jump, 1);
    };
    errors_.base.emit_message = [](j_common_ptr info, int level) {
      if (level >= 0 || of(info).warning != 0) return;
      info->err->format_message(info, of(info).message);
      of(info).warning = info->err->msg_code;
    };
  }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  ~JpegDecoder() {
    if (created_) jpeg_destroy_decompress(&info_);
  }

  /// Whether a picture of this size comes.
  bool start(std::string_view bytes, std::uint32_t width, std::uint32_t height) {
    return guarded([&] {
             jpeg_create_decompress(&info_);
             created_ = true;
             jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()),
                          static_cast<unsigned long>(bytes.size()));
             (void)jpeg_read_header(&info_, TRUE);
             info_.out_color_space = JCS_RGB;
             (void)jpeg_start_decompress(&info_);
           }) &&
           info_.output_width == width && info_.output_height == height;
  }
  bool read_row(std::uint8_t* row) {
    return guarded([&] { (void)jpeg_read_scanlines(&info_, &row, 1); });
  }
  /// Whether what the decoder complains about costs samples.
  [[nodiscard]] bool lost() const {
    const int warning = errors_.warning;
    return warning == JWRN_HIT_MARKER || warning == JWRN_HUFF_BAD_CODE ||
           warning == JWRN_MUST_RESYNC || warning == JWRN_JPEG_EOF;
  }
  [[nodiscard]] bool starved() const { return errors_.base.msg_code == JERR_OUT_OF_MEMORY; }
  /// What it complained about first, or empty.
  [[nodiscard]] std::string complaint() const { return errors_.message; }

 private:
  struct Errors {
    jpeg_error_mgr base;  // first, so that its address is that of the whole
    std::jmp_buf jump;
    int warning;
    char message[JMSG_LENGTH_MAX];
  };
  static Errors& of(j_common_ptr info) { return *reinterpret_cast<Errors*>(info->err); }

  template <class F>
  bool guarded(const F& f) {
    if (setjmp(errors_.jump) != 0) return false;
    f();
    return true;
  }

  jpeg_decompress_struct info_{};
  Errors errors_{};
  bool created_ = false;
};

inline eqsr::Image decoded_jpeg(const eqsr::CheckedPicture& picture) {
  const eqsr::PictureHeader& header = picture.header;
  JpegDecoder decoder;
  const auto expect = [&](bool good) {
    if (good && !decoder.lost()) return;
    if (!good && decoder.starved()) throw std::bad_alloc();
    picture.errors.corrupt({"its data cannot be decoded (", decoder.complaint(), ")"});
  };
  expect(decoder.start(picture.bytes, header.width, header.height));
  eqsr::Image image =
      eqsr::blank_image(static_cast<int>(header.height), static_cast<int>(header.width));
  std::vector<std::uint8_t> row(3 * std::size_t{header.width});
  float* out = image.pixels.data();
  for (std::uint32_t y = 0; y < header.height; ++y) {
    expect(decoder.read_row(row.data()));
    for (const std::uint8_t sample : row) *out++ = eqsr::to_float(sample);
  }
  if (!decoder.complaint().empty()) picture.note(decoder.complaint() + ".");
  return image;
}

/// What it takes beside the file and the image: a progressive picture is held as coefficients.
inline std::size_t jpeg_bytes(const eqsr::PictureHeader& header) {
  const std::size_t samples = (std::size_t{header.width} + 32) * (std::size_t{header.height} + 32) *
                              static_cast<std::size_t>(header.channels);
  return 2 * samples + (std::size_t{1} << 20);
}

}  // namespace tool
#endif
