// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/picture/write.hpp>

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "libraries.hpp"
#if EQSR_HAS_JPEG
// Behind <cstdio>, whose FILE they need.
#include <jerror.h>
#include <jpeglib.h>
#endif

namespace tool {

#if EQSR_HAS_JPEG

/// A JPEG encoded by libjpeg-turbo, row by row. Its errors leave C with longjmp, so that nothing
/// with a destructor is between them and `guarded`.
class JpegEncoder {
 public:
  JpegEncoder() {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = [](j_common_ptr info) {
      auto& errors = *reinterpret_cast<Errors*>(info->err);
      info->err->format_message(info, errors.message);
      std::longjmp(errors.jump, 1);
    };
  }
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;
  ~JpegEncoder() {
    if (created_) jpeg_destroy_compress(&info_);
    std::free(bytes_);
  }

  /// Grey or RGB; colours have their full resolution above a quality of 90, if nothing else is
  /// said.
  void start(int width, int height, int channels, int quality,
             std::optional<bool> full_colour = {}) {
    guarded([&] {
      jpeg_create_compress(&info_);
      created_ = true;
      jpeg_mem_dest(&info_, &bytes_, &size_);
      info_.image_width = static_cast<JDIMENSION>(width);
      info_.image_height = static_cast<JDIMENSION>(height);
      info_.input_components = channels;
      info_.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
      jpeg_set_defaults(&info_);
      jpeg_set_quality(&info_, quality, TRUE);
      if (channels == 3 && full_colour.value_or(quality > 90))
        info_.comp_info[0].h_samp_factor = info_.comp_info[0].v_samp_factor = 1;
      jpeg_start_compress(&info_, TRUE);
    });
  }
  void write_row(std::uint8_t* row) {
    guarded([&] { (void)jpeg_write_scanlines(&info_, &row, 1); });
  }
  std::string finish() {
    guarded([&] { jpeg_finish_compress(&info_); });
    return {reinterpret_cast<const char*>(bytes_), static_cast<std::size_t>(size_)};
  }

 private:
  struct Errors {
    jpeg_error_mgr base;  // first, so that its address is that of the whole
    std::jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
  };

  template <class F>
  void guarded(const F& f) {
    if (setjmp(errors_.jump) == 0) return f();
    if (errors_.base.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    throw eqsr::Error("limit_exceeded", std::string("The picture cannot be encoded as JPEG: ") +
                                            errors_.message + ". Choose a smaller size.");
  }

  jpeg_compress_struct info_{};
  Errors errors_{};
  bool created_ = false;
  unsigned char* bytes_ = nullptr;
  unsigned long size_ = 0;
};

/// A JPEG of one (grey) or three channels (RGB).
inline std::string encode_jpeg(const eqsr::Image& image, const eqsr::WriteOptions& options) {
  JpegEncoder encoder;
  encoder.start(image.width, image.height, image.channels, options.quality);
  std::vector<std::uint8_t> row(static_cast<std::size_t>(image.width) *
                                static_cast<std::size_t>(image.channels));
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y) {
    eqsr::to_samples(image.pixels.data() + y * row.size(), row.size(), row.data());
    encoder.write_row(row.data());
  }
  return eqsr::jpeg_with_metadata(encoder.finish(), options.metadata);
}

#else

/// As stb writes it, which makes three equal channels of grey.
inline std::string encode_jpeg(const eqsr::Image& image, const eqsr::WriteOptions& options) {
  return eqsr::encode_image(".jpg", image, options);
}

#endif

}  // namespace tool
