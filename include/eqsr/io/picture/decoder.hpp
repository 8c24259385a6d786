// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>           // Part, fail, joined
#include <eqsr/core/function_ref.hpp>    // FunctionRef
#include <eqsr/core/image.hpp>           // Image
#include <eqsr/io/picture/metadata.hpp>  // ImageDensity, ColourChunk

#include <cstddef>      // size_t
#include <cstdint>      // uint32_t
#include <string>       // string
#include <string_view>  // string_view
#include <vector>       // vector

/// How a program reads pictures with decoders of its own. What a picture must be remains the
/// library's word: it walks through the file, compares its size with what is allowed, and hands on
/// what is sound; the decoder only makes samples of it.
namespace eqsr { inline namespace EQSR_ABI {

/// What a picture file announces; known before anything of it is decoded. Views are of the file.
struct PictureHeader {
  bool is_png = false;
  std::uint32_t width = 0, height = 0;  ///< as stored, before it is turned upright
  int channels = 0;                     ///< in the file, alpha counted
  int bits = 8;                         ///< a sample
  bool alpha = false;
  std::string_view exif;                    ///< the TIFF block, or empty
  std::vector<std::string_view> icc_parts;  ///< of PNG one, compressed; of JPEG in order
  bool icc_complete = true;
  bool ycbcr = false;                    ///< whether the three channels are brightness and colour
  std::uint32_t tile_x = 1, tile_y = 1;  ///< the sizes are rounded up to these when decoded
  ImageDensity density;                  ///< pixels a length, as ImageMetadata has it
  std::vector<ColourChunk> colour;       ///< of a PNG
  std::vector<std::string> notes;        ///< sentences about what is wrong but costs no sample
};

/// Typed errors about one picture; `name` is what their sentences call it.
class PictureErrors {
 public:
  PictureErrors(std::string_view name, std::size_t bytes) : name_(name), size_(bytes) {}

  /// Throws Error{code, "NAME: ..."}.
  [[noreturn, gnu::noinline, gnu::cold]] void fail(
      const char* code, std::initializer_list<detail::Part> sentence) const {
    detail::fail(code, {name_, ": ", detail::joined(sentence)});
  }
  /// `image_corrupt`; `what` goes on after "The picture is damaged: ".
  [[noreturn, gnu::noinline, gnu::cold]] void corrupt(
      std::initializer_list<detail::Part> what) const {
    fail("image_corrupt", {"The picture is damaged: ", detail::joined(what),
                           ". Copy or download it again, or save it again with an image program."});
  }
  /// `image_unsupported`; `what` goes on after "This is ".
  [[noreturn, gnu::noinline, gnu::cold]] void unsupported(
      std::initializer_list<detail::Part> what) const {
    fail("image_unsupported",
         {"This is ", detail::joined(what),
          ", which is not supported. Save it as an ordinary RGB picture, PNG or JPEG."});
  }
  [[noreturn, gnu::noinline, gnu::cold]] void out_of_memory() const {
    fail("out_of_memory",
         {"There is not enough memory to decode the picture. Free some, or cut it."});
  }
  [[noreturn, gnu::noinline, gnu::cold]] void truncated() const {
    fail("image_truncated", {"The picture ends after ", size_,
                             " bytes, before it is complete. Copy or download it again."});
  }

 private:
  std::string_view name_;
  std::size_t size_;
};

/// Is told what is odd about a picture, one sentence each.
using PictureNotes = FunctionRef<void(const std::string& sentence)>;

/// A picture that was walked through and found whole, as a decoder gets it.
struct CheckedPicture {
  std::string_view bytes;  ///< a PNG or JPEG of what the samples need, without metadata
  const PictureHeader& header;
  int channels;  ///< of the result: 3, or 4 with alpha
  const PictureErrors& errors;
  const PictureNotes& note;
};

/// What turns a checked picture into samples: libjpeg-turbo, hardware, or stb, which is the
/// default.
class PictureDecoder {
 public:
  PictureDecoder() = default;
  PictureDecoder(const PictureDecoder&) = delete;
  PictureDecoder& operator=(const PictureDecoder&) = delete;
  virtual ~PictureDecoder() = default;

  /// Bytes that `decode` takes beside the file and its result; compared with what is allowed.
  [[nodiscard]] virtual std::size_t memory(const PictureHeader& header, int channels) const = 0;
  /// The pixels as stored, of the header's size, RGB or RGBA in [0,1]. Throws by `picture.errors`;
  /// std::bad_alloc becomes `out_of_memory`. May be called by several threads at once.
  [[nodiscard]] virtual Image decode(const CheckedPicture& picture) const = 0;
};

/// Whether a file starts as a WebP does.
inline bool is_webp(std::string_view bytes) {
  return bytes.size() >= 12 && bytes.substr(0, 4) == "RIFF" && bytes.substr(8, 4) == "WEBP";
}

}}  // namespace eqsr::EQSR_ABI
