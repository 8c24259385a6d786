// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/image.hpp>              // Image
#include <eqsr/core/math.hpp>               // round_up, saturated_product, saturated_sum
#include <eqsr/core/samples.hpp>            // to_float
#include <eqsr/io/file.hpp>                 // InputFile
#include <eqsr/io/picture/decoder.hpp>      // PictureDecoder
#include <eqsr/io/picture/jpeg_pixels.hpp>  // decoded_jpeg
#include <eqsr/io/picture/jpeg_walk.hpp>    // JpegWalk
#include <eqsr/io/picture/metadata.hpp>     // ImageMetadata
#include <eqsr/io/picture/png_walk.hpp>     // PngWalk
#include <eqsr/io/picture/stb.hpp>          // stb, stb_allow

#include <algorithm>   // copy_n, max, min
#include <cstdint>     // SIZE_MAX
#include <functional>  // function
#include <new>         // bad_alloc
#include <utility>     // move, swap

/// PNG and JPEG files in and out. Needs stb; in CMake link eqsr::io.
namespace eqsr { inline namespace EQSR_ABI {

/// What is known about a picture before it is decoded.
struct PictureSize {
  int width = 0, height = 0, channels = 0;  ///< of the image that comes out
  std::size_t bytes = 0;                    ///< that it and its decoding take beside its file
};

/// What a caller accepts from a picture file, and whom to tell what was left out.
struct ReadOptions {
  std::size_t max_pixels = std::size_t{1} << 28;  ///< compared before anything is decoded
  std::size_t max_memory = 0;  ///< bytes that a picture may take beside its file; 0: any number
  std::function<void(const std::string& note)> on_note;  ///< for instance: alpha was dropped
  /// Told before a row is decoded; what it throws ends the reading.
  std::function<void(const PictureSize& size)> on_size;
  const PictureDecoder* decoder = nullptr;  ///< what makes the samples; null: StbDecoder
};

/// A picture with all that its file says about it.
struct Picture {
  Image image;             ///< RGB, or RGB and alpha if the file has any; upright
  ImageMetadata metadata;  ///< its orientation is upright as well
  int bits = 8;            ///< a sample in the file
  bool grey = false;       ///< whether the file has one channel, alpha not counted
};

/// The picture turned upright: `orientation` is what Exif says about it, 1 (it is) to 8.
inline Image upright(const Image& from, int orientation) {
  const bool swap = orientation >= 5;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  Image to =
      blank_image(swap ? from.width : from.height, swap ? from.height : from.width, from.channels);
  float* out = to.pixels.data();
  for (int y = 0; y < to.height; ++y) {
    for (int x = 0; x < to.width; ++x) {
      const int v = flip_y ? to.height - 1 - y : y;
      const int u = flip_x ? to.width - 1 - x : x;
      const auto row = static_cast<std::size_t>(swap ? u : v);
      const auto column = static_cast<std::size_t>(swap ? v : u);
      const float* in = from.pixels.data() + (row * static_cast<std::size_t>(from.width) + column) *
                                                 static_cast<std::size_t>(from.channels);
      out = std::copy_n(in, from.channels, out);
    }
  }
  return to;
}

namespace detail {

/// Samples of one (grey) to four channels as an image in [0,1] of three, or of four with alpha.
template <class Sample>
Image image_of(const Sample* samples, int height, int width, int stored, int channels) {
  Image image = blank_image(height, width, channels);
  const bool grey = stored <= 2, alpha = stored % 2 == 0;
  const auto step = static_cast<std::size_t>(channels);
  for (std::size_t i = 0; i < image.pixels.size(); i += step, samples += stored) {
    for (std::size_t c = 0; c < 3; ++c) image.pixels[i + c] = to_float(samples[grey ? 0 : c]);
    if (channels == 4) image.pixels[i + 3] = alpha ? to_float(samples[stored - 1]) : 1.0f;
  }
  return image;
}

/// The profile in an iCCP chunk: a name, a zero, the method (zero), a zlib stream. Its first four
/// bytes say how long it is; nothing longer is inflated.
[[gnu::cold]] inline std::string inflated_profile(std::string_view chunk) {
  const std::size_t end = chunk.find('\0');
  if (end == std::string_view::npos || end + 2 >= chunk.size() || chunk[end + 1] != 0) return {};
  const std::string_view packed = chunk.substr(end + 2);
  constexpr std::size_t most = std::size_t{4} << 20;
  char start[128] = {};
  if (packed.size() > 10 && (packed[2] & 6) == 0) {  // a stored block, never decoded in part
    packed.copy(start, 4, 7);
  } else {
    (void)stb::eqsr_stbi_zlib_decode_buffer(start, sizeof start, packed.data(),
                                            static_cast<int>(packed.size()));
  }
  std::uint32_t size = 0;
  for (const char c : {start[0], start[1], start[2], start[3]})
    size = size << 8U | static_cast<unsigned char>(c);
  if (size > most || size / 1032 > packed.size()) return {};  // zlib packs no denser
  std::string profile(size, '\0');
  const int count = stb::eqsr_stbi_zlib_decode_buffer(
      profile.data(), static_cast<int>(size), packed.data(), static_cast<int>(packed.size()));
  return count == static_cast<int>(size) ? profile : std::string();
}

/// What the file says beside the pixels, as far as it is sound.
[[gnu::cold]] inline ImageMetadata metadata_of(PictureHeader& header, bool grey,
                                               const PictureNotes& note) {
  using namespace std::string_view_literals;
  ImageMetadata metadata;
  if (header.is_png && !header.icc_parts.empty()) {
    metadata.icc_profile = inflated_profile(header.icc_parts.front());
  } else if (header.icc_complete) {
    for (const std::string_view part : header.icc_parts) metadata.icc_profile += part;
  }
  if (metadata.icc_profile.empty() && !header.icc_parts.empty())
    metadata.icc_profile = "?";  // so that it is named as one that is damaged
  if (header.exif.starts_with("Exif\0\0"sv)) header.exif.remove_prefix(6);  // wrong in a PNG
  metadata.exif = upright_exif(std::string(header.exif));
  if (header.density.x != header.density.y || header.density.unit != ImageDensity::Unit::none)
    metadata.density = header.density;
  metadata.colour = std::move(header.colour);
  return writable_metadata(std::move(metadata), PictureFormat::png, grey, note);
}

/// Decodes the essence of a PNG. By stb's function for PNG alone: the one for any format holds its
/// whole JPEG decoder once more. Nothing if the decoder refuses it.
inline Image decoded_png(std::string_view essence, const PictureHeader& header, int channels) {
  stb::stbi__context source;
  stb::stbi__start_mem(&source, reinterpret_cast<const unsigned char*>(essence.data()),
                       static_cast<int>(essence.size()));
  stb::stbi__result_info result{};
  int width = 0, height = 0, stored = 0;
  const std::unique_ptr<void, void (*)(void*)> samples(
      stb::stbi__png_load(&source, &width, &height, &stored, 0, &result), stb_release);
  if (samples == nullptr || static_cast<std::uint32_t>(width) != header.width ||
      static_cast<std::uint32_t>(height) != header.height ||
      (result.bits_per_channel == 16) != (header.bits == 16))
    return {};
  const auto made = [&](const auto* first) {
    return image_of(first, height, width, stored, channels);
  };
  return header.bits == 16 ? made(static_cast<const std::uint16_t*>(samples.get()))
                           : made(static_cast<const std::uint8_t*>(samples.get()));
}

}  // namespace detail

/// The decoder that is part of the headers: stb.
class StbDecoder : public PictureDecoder {
 public:
  [[nodiscard]] std::size_t memory(const PictureHeader& header, int channels) const override {
    const std::size_t pixels =
        saturated_product(round_up(std::size_t{header.width}, header.tile_x),
                          round_up(std::size_t{header.height}, header.tile_y));
    const auto samples = static_cast<std::size_t>((std::max)(channels, header.channels));
    return saturated_sum(saturated_product(pixels, samples * (header.bits == 16 ? 8 : 4)),
                         std::size_t{1} << 20);
  }
  [[nodiscard]] Image decode(const CheckedPicture& picture) const override {
    const auto& [bytes, header, channels, errors, note] = picture;
    detail::stb_allow(
        saturated_sum(StbDecoder::memory(header, channels), header.is_png ? 2 * bytes.size() : 0));
    Image image = header.is_png ? detail::decoded_png(bytes, header, channels)
                                : detail::decoded_jpeg(bytes, header);
    if (!header.is_png && detail::JpegIdct::beyond)
      note(
          "Values far beyond the range are clamped; libjpeg wraps them around. It may be damaged.");
    if (!image.pixels.empty()) return image;
    if (detail::stb_starved) throw std::bad_alloc();
    if (detail::stb_refused)
      errors.fail("image_limit", {"The picture needs more memory than its size allows for."});
    errors.corrupt({"its data cannot be decoded, or do not fit its header"});
  }
};

namespace detail {

inline const PictureDecoder& decoder_of(const ReadOptions& options) {
  static const StbDecoder stb;
  return options.decoder != nullptr ? *options.decoder : stb;
}

/// Compares the size of a picture with what the caller accepts.
[[gnu::cold]] inline void expect_room(const PictureHeader& header, const ReadOptions& options,
                                      bool with_alpha, const PictureErrors& errors) {
  const std::uint64_t pixels = std::uint64_t{header.width} * header.height;
  if (pixels > options.max_pixels || header.width > 65535 || header.height > 65535 ||
      pixels * (header.bits == 16 ? 8 : 4) >= (std::uint64_t{1} << 31))
    errors.fail("image_limit",
                {"The picture has ", header.width, " x ", header.height, " pixels; the limit is ",
                 options.max_pixels,
                 " pixels, 65535 a side and 2 GiB of samples. Raise ReadOptions::max_pixels "
                 "(--max-megapixels) or cut the picture."});
  const int orientation = exif_orientation(header.exif).value, channels = with_alpha ? 4 : 3;
  // Transparency may be announced behind the header: of grey and RGB it is not known yet.
  PictureSize size{static_cast<int>(header.width), static_cast<int>(header.height),
                   header.alpha ? channels : 3, 0};
  if (orientation >= 5) std::swap(size.width, size.height);
  const std::size_t floats = saturated_product(
      static_cast<std::size_t>(pixels), static_cast<std::size_t>(size.channels) * sizeof(float));
  size.bytes = saturated_sum(floats, (std::max)(decoder_of(options).memory(header, size.channels),
                                                orientation == 1 ? 0 : floats));
  if (size.bytes > SIZE_MAX / 2) throw std::bad_alloc();  // no array is as large, with 32 bits
  if (options.max_memory > 0 && size.bytes > options.max_memory)
    errors.fail("memory_budget",
                {"The picture of ", header.width, " x ", header.height, " pixels needs ",
                 size.bytes, " bytes of memory, but only ", options.max_memory,
                 " are allowed. Allow more, or cut the picture."});
  if (options.on_size) options.on_size(size);
}

/// A picture of its samples and of what its header says: upright, with the metadata that are sound.
[[gnu::cold]] inline Picture assembled(Image image, PictureHeader header, bool with_alpha,
                                       const PictureNotes& note) {
  Picture picture;
  picture.image = std::move(image);
  picture.bits = header.bits == 16 ? 16 : 8;
  picture.grey = header.channels <= 2;
  picture.metadata = metadata_of(header, picture.grey, note);
  const int orientation = exif_orientation(header.exif).value;
  if (orientation != 1) picture.image = upright(picture.image, orientation);
  if (orientation >= 5) std::swap(picture.metadata.density.x, picture.metadata.density.y);
  if (header.alpha && !with_alpha) note("The alpha channel is dropped.");
  return picture;
}

inline auto notes_to(const ReadOptions& options, const std::string& name) {
  return [&](const std::string& sentence) {
    if (options.on_note) options.on_note(joined({name, ": ", sentence}));
  };
}

/// The samples of a picture that was walked through, and the rest of it.
[[gnu::cold]] inline Picture decode_checked(std::string_view bytes, PictureHeader header,
                                            const ReadOptions& options, bool with_alpha,
                                            const PictureErrors& errors, const PictureNotes& note) {
  const int channels = header.alpha && with_alpha ? 4 : 3;
  Image image = decoder_of(options).decode({bytes, header, channels, errors, note});
  return assembled(std::move(image), std::move(header), with_alpha, note);
}

/// Decodes a PNG or JPEG with its alpha, if there is any and it is wanted.
[[gnu::cold]] inline Picture decode(std::string_view bytes, const ReadOptions& options,
                                    const std::string& name, bool with_alpha) {
  const bool is_png = bytes.starts_with(png_signature);
  if (!is_png && !(bytes.size() >= 2 && bytes.starts_with(jpeg_signature)))
    refuse_format(bytes, name);
  const PictureErrors errors(name, bytes.size());
  const auto note = notes_to(options, name);
  const auto fits = [&](const PictureHeader& header) {
    expect_room(header, options, with_alpha, errors);
  };
  try {
    PngWalk png(bytes, name);
    JpegWalk jpeg(bytes, name);
    PictureHeader header = is_png ? png.read(fits) : jpeg.read(fits);
    for (const std::string& sentence : header.notes) note(sentence);
    std::string essence = is_png ? png.essence() : jpeg.essence();
    if (is_png)
      for (const std::string& sentence : png.check_rows(essence)) note(sentence);
    return decode_checked(essence, std::move(header), options, with_alpha, errors, note);
  } catch (const std::bad_alloc&) {
    errors.out_of_memory();
  }
}

inline void expect_small(std::string_view bytes, const std::string& name) {
  EQSR_EXPECTS(bytes.size() < (std::size_t{1} << 31), "image_limit", name,
               ": The picture has more than 2 GiB. Save it with stronger compression.");
}

}  // namespace detail

// The doors are not inlined: g++ takes what calls a cold function for cold itself, and that has to
// end before the caller's code.

/// The bytes of a picture file, `most` at the beginning. Throws `io_error`, and `image_limit` for
/// more than 2 GiB.
[[gnu::noinline]] inline std::string read_picture_bytes(const std::string& path,
                                                        std::size_t most = SIZE_MAX) {
  const detail::InputFile file(path);
  EQSR_EXPECTS((std::min<std::uint64_t>)(file.size(), most) < (std::uint64_t{1} << 31),
               "image_limit", path,
               ": The file is larger than 2 GiB. Save it with stronger compression.");
  return file.read_some(0, most);
}

/// Decodes a PNG or JPEG held in memory, recognised by its content; `name` is for error sentences.
///
/// Grey is replicated to RGB; alpha, if there is any, is the fourth channel. Sixteen bits a sample
/// keep their precision. The orientation that a camera stored is applied. A picture of which a
/// pixel is missing is never returned; what is wrong beside the pixels is dropped with a note.
/// Errors: `image_truncated`, `image_corrupt`, `image_limit`, `image_unsupported`, `memory_budget`
/// and `out_of_memory`.
[[gnu::noinline]] inline Picture decode_picture(std::string_view bytes,
                                                const ReadOptions& options = {},
                                                const std::string& name = "picture") {
  detail::expect_small(bytes, name);
  return detail::decode(bytes, options, name, true);
}

/// Reads a PNG or JPEG file as `decode_picture` does.
[[gnu::noinline]] inline Picture read_picture(const std::string& path,
                                              const ReadOptions& options = {}) {
  return detail::decode(read_picture_bytes(path), options, path, true);
}

/// The rest of `decode_picture` for a container that the program has walked through by itself, such
/// as WebP: `header` is what it announces, `options.decoder` decodes `bytes`. The size is compared
/// with what is allowed, the header's notes are told, the result is upright, and the metadata that
/// are not sound are dropped with a note.
[[gnu::noinline]] inline Picture decode_picture(std::string_view bytes, PictureHeader header,
                                                const ReadOptions& options,
                                                const std::string& name) {
  const PictureErrors errors(name, bytes.size());
  const auto note = detail::notes_to(options, name);
  try {
    detail::expect_room(header, options, true, errors);
    for (const std::string& sentence : header.notes) note(sentence);
    return detail::decode_checked(bytes, std::move(header), options, true, errors, note);
  } catch (const std::bad_alloc&) {
    errors.out_of_memory();
  }
}

/// The same as plain RGB: alpha and what the file says beside the pixels are dropped.
[[gnu::noinline]] inline Image decode_image(std::string_view bytes, const ReadOptions& options = {},
                                            const std::string& name = "picture") {
  detail::expect_small(bytes, name);
  Picture picture = detail::decode(bytes, options, name, false);
  if (!picture.metadata.icc_profile.empty() || !picture.metadata.colour.empty())
    detail::notes_to(options,
                     name)("What it says about its colours is dropped; they count as sRGB.");
  return std::move(picture.image);
}

/// Reads a PNG or JPEG file as `decode_image` does.
[[gnu::noinline]] inline Image read_image(const std::string& path,
                                          const ReadOptions& options = {}) {
  return decode_image(read_picture_bytes(path), options, path);
}

}}  // namespace eqsr::EQSR_ABI
