// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/picture/write.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "common/picture/libraries.hpp"
#if EQSR_HAS_SPNG
#include <spng.h>
#endif

namespace tool {

/// A PNG that is written row by row into an open file, which appears under its name when `finish`
/// has returned; before, or after an exception, nothing has changed there.
///
/// With libspng a row is compressed and written as it comes. Without it the rows are kept until
/// `finish` and then encoded by eqsr::encode_image, which needs memory for the whole picture.
class PngWriter {
 public:
  static constexpr bool streams = EQSR_HAS_SPNG;
  /// For pictures of one (grey), two (grey, alpha), three (RGB) or four channels (RGB, alpha) and 8
  /// or 16 bits. `metadata` must be sound, as eqsr::writable_metadata leaves it.
  PngWriter(eqsr::OutputFile& file, int width, int height, int channels, int bits,
            const eqsr::ImageMetadata& metadata = {})
      : samples_(static_cast<std::size_t>(width) * static_cast<std::size_t>(channels)),
        bits_(bits),
        rows_left_(height),
        file_(file) {
    EQSR_EXPECTS(
        width > 0 && height > 0 && channels >= 1 && channels <= 4 && (bits == 8 || bits == 16),
        "bad_argument", width, " x ", height, " x ", channels, " samples of ", bits,
        " bits are no picture that PNG can hold.");
    begin(width, height, channels, metadata);
  }

  /// The next row from the top: width * channels values in [0,1], clamped and rounded. Throws
  /// `nonfinite_output`.
  void write_row(const float* row) {
    EQSR_EXPECTS(rows_left_ > 0, "bad_argument", "A picture gets more rows than it has.");
    --rows_left_;
    put_row(row);
  }

  /// Makes the file appear, when all rows were written.
  void finish() {
    EQSR_EXPECTS(rows_left_ == 0, "bad_argument", "A picture lacks ", rows_left_, " rows.");
    end();
    file_.commit();
  }

 private:
#if EQSR_HAS_SPNG
  void begin(int width, int height, int channels, const eqsr::ImageMetadata& metadata) {
    check(encoder_ != nullptr ? 0 : SPNG_EMEM);
    check(spng_set_png_stream(encoder_.get(), &PngWriter::write_bytes, this));
    spng_ihdr header{};
    header.width = static_cast<std::uint32_t>(width);
    header.height = static_cast<std::uint32_t>(height);
    header.bit_depth = static_cast<std::uint8_t>(bits_);
    header.color_type =
        static_cast<std::uint8_t>(channels == 1   ? SPNG_COLOR_TYPE_GRAYSCALE
                                  : channels == 2 ? SPNG_COLOR_TYPE_GRAYSCALE_ALPHA
                                  : channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR
                                                  : SPNG_COLOR_TYPE_TRUECOLOR_ALPHA);
    check(spng_set_ihdr(encoder_.get(), &header));
    std::string profile = metadata.icc_profile, exif = metadata.exif;  // copied by the setters
    if (!profile.empty()) {
      spng_iccp chunk{};
      std::string("ICC profile").copy(chunk.profile_name, sizeof chunk.profile_name - 1);
      chunk.profile = profile.data();
      chunk.profile_len = profile.size();
      check(spng_set_iccp(encoder_.get(), &chunk));
    }
    // libspng does not know all of these; as unknown ones it writes them as they are.
    std::vector<eqsr::ColourChunk> chunks = eqsr::png_chunks(metadata);
    std::vector<spng_unknown_chunk> unknown(chunks.size());
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      chunks[i].kind.copy(reinterpret_cast<char*>(unknown[i].type), 4);
      unknown[i].length = chunks[i].body.size();
      unknown[i].data = chunks[i].body.data();
      unknown[i].location = SPNG_AFTER_IHDR;
    }
    if (!unknown.empty())
      check(spng_set_unknown_chunks(encoder_.get(), unknown.data(),
                                    static_cast<std::uint32_t>(unknown.size())));
    if (!exif.empty()) {
      spng_exif chunk{};
      chunk.data = exif.data();
      chunk.length = exif.size();
      check(spng_set_exif(encoder_.get(), &chunk));
    }
    check(spng_encode_image(encoder_.get(), nullptr, 0, SPNG_FMT_PNG,
                            SPNG_ENCODE_PROGRESSIVE | SPNG_ENCODE_FINALIZE));
    narrow_.resize(bits_ == 8 ? samples_ : 0);
    wide_.resize(bits_ == 16 ? samples_ : 0);
  }

  void put_row(const float* row) {
    const void* bytes = narrow_.data();
    if (bits_ == 8) {
      eqsr::to_samples(row, samples_, narrow_.data());
    } else {
      eqsr::to_samples(row, samples_, wide_.data());
      bytes = wide_.data();
    }
    const int result = spng_encode_row(encoder_.get(), bytes, samples_ * (bits_ == 8 ? 1 : 2));
    if (result != SPNG_EOI || rows_left_ != 0) check(result);  // "end of image" is no error
  }

  void end() { encoder_.reset(); }

  /// What libspng calls. No exception may pass through C: it waits in `error_`.
  static int write_bytes(spng_ctx*, void* writer, void* bytes, std::size_t count) noexcept {
    auto& self = *static_cast<PngWriter*>(writer);
    try {
      self.file_.write(bytes, count);
      return 0;
    } catch (...) {
      self.error_ = std::current_exception();
      return SPNG_IO_ERROR;
    }
  }

  void check(int result) const {
    if (error_) std::rethrow_exception(error_);
    EQSR_EXPECTS(result != SPNG_EMEM, "out_of_memory",
                 "There is not enough memory to encode the picture. Choose a smaller size.");
    EQSR_EXPECTS(result == 0, "io_error",
                 "The picture cannot be encoded as PNG: ", spng_strerror(result), ".");
  }

  std::exception_ptr error_;
  std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> encoder_{spng_ctx_new(SPNG_CTX_ENCODER),
                                                          spng_ctx_free};
  std::vector<std::uint8_t> narrow_;
  std::vector<std::uint16_t> wide_;
#else
  void begin(int width, int height, int channels, const eqsr::ImageMetadata& metadata) {
    metadata_ = metadata;
    image_ = {height, width, channels, {}};
    image_.pixels.reserve(samples_ * static_cast<std::size_t>(height));
  }
  void put_row(const float* row) { image_.pixels.insert(image_.pixels.end(), row, row + samples_); }
  void end() {
    const std::string encoded =
        eqsr::encode_image(".png", image_, {.bits = bits_, .metadata = metadata_});
    file_.write(encoded.data(), encoded.size());
  }

  eqsr::Image image_;
  eqsr::ImageMetadata metadata_;
#endif

  std::size_t samples_;  // a row
  int bits_;
  int rows_left_;
  eqsr::OutputFile& file_;
};

}  // namespace tool
