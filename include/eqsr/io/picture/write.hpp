// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/image.hpp>             // Image
#include <eqsr/core/math.hpp>              // ceil_div
#include <eqsr/core/samples.hpp>           // to_samples
#include <eqsr/io/bytes.hpp>               // crc32
#include <eqsr/io/output_file.hpp>         // OutputFile
#include <eqsr/io/picture/metadata.hpp>    // ImageMetadata
#include <eqsr/io/picture/png_filter.hpp>  // png_guesses
#include <eqsr/io/picture/stb.hpp>         // stb, StbArena

#include <algorithm>   // copy, max, min
#include <cmath>       // isfinite
#include <cstdint>     // uint8_t
#include <functional>  // function
#include <limits>      // numeric_limits
#include <optional>    // optional
#include <string>      // string
#include <vector>      // vector

/// PNG, JPEG and PFM files out. Needs stb; in CMake link eqsr::io.
namespace eqsr { inline namespace EQSR_ABI {

struct WriteOptions {
  int quality = 95;                                        ///< of JPEG, 1 to 100
  int bits = 8;                                            ///< a sample of PNG, 8 or 16
  ImageMetadata metadata{};                                ///< goes into PNG and JPEG files
  std::function<void(const std::string& note)> on_note{};  ///< what the file has otherwise
};

namespace detail {

[[gnu::cold]] inline void append_png_chunk(std::string& out, std::string_view kind,
                                           std::string_view body) {
  store_big32(out, static_cast<std::uint32_t>(body.size()));
  const std::size_t start = out.size();
  out.append(kind).append(body);
  store_big32(out, crc32(out.data() + start, out.size() - start));
}

/// The filter of PNG's five that leaves the smallest numbers, and the row as it leaves it. `above`
/// is null in the first row; `step` is the number of bytes a pixel.
[[gnu::noinline]] inline void filter_png_row(const unsigned char* row, const unsigned char* above,
                                             std::size_t count, std::size_t step,
                                             std::vector<unsigned char>& trial,
                                             unsigned char* best) {
  long least = (std::numeric_limits<long>::max)();
  trial.resize(count + 1);
  for (std::size_t filter = 0; filter < 5; ++filter) {
    long sum = 0;
    trial[0] = static_cast<unsigned char>(filter);
    for (std::size_t i = 0; i < count; ++i) {
      const int left = i >= step ? row[i - step] : 0;
      const int up = above != nullptr ? above[i] : 0;
      const int corner = i >= step && above != nullptr ? above[i - step] : 0;
      trial[i + 1] = static_cast<unsigned char>(row[i] - png_guesses(left, up, corner)[filter]);
      sum += std::abs(static_cast<signed char>(trial[i + 1]));
    }
    if (sum < least) {
      least = sum;
      std::copy(trial.begin(), trial.end(), best);
    }
  }
}

inline std::string zlib_compressed(std::vector<unsigned char>& bytes) {
  const StbArena arena;
  int size = 0;
  const unsigned char* packed =
      stb::stbi_zlib_compress(bytes.data(), static_cast<int>(bytes.size()), &size, 8);
  return {reinterpret_cast<const char*>(packed), static_cast<std::size_t>(size)};
}

/// The body of a chunk pHYs.
[[gnu::cold]] inline std::string density_chunk(const ImageDensity& density) {
  const ImageDensity metre = per_metre(density);
  std::string body;
  store_big32(body, metre.x);
  store_big32(body, metre.y);
  body += metre.unit == ImageDensity::Unit::metre ? '\1' : '\0';
  return body;
}

}  // namespace detail

/// The chunks of a PNG, to stand before the palette, that hold colour and density of metadata
/// which `writable_metadata` has let pass.
[[gnu::cold]] inline std::vector<ColourChunk> png_chunks(const ImageMetadata& metadata) {
  std::vector<ColourChunk> chunks = metadata.colour;
  if (metadata.density.x > 0 && metadata.density.y > 0)
    chunks.push_back({"pHYs", detail::density_chunk(metadata.density)});
  return chunks;
}

namespace detail {

/// A PNG of one (grey), two (grey, alpha), three (RGB) or four channels (RGB, alpha).
[[gnu::cold]] inline std::string encode_png(const Image& image, int bits,
                                            const ImageMetadata& metadata) {
  const auto channels = static_cast<std::size_t>(image.channels);
  const auto samples = static_cast<std::size_t>(image.width) * channels;
  const std::size_t deep = bits == 16 ? 2 : 1;
  const std::size_t bytes = samples * deep;
  std::vector<unsigned char> rows(static_cast<std::size_t>(image.height) * (bytes + 1));
  std::vector<unsigned char> row(bytes), above(bytes), trial;
  std::vector<std::uint16_t> wide(deep == 2 ? samples : 0);
  for (int y = 0; y < image.height; ++y) {
    const float* values = image.pixels.data() + static_cast<std::size_t>(y) * samples;
    if (deep == 1) {
      to_samples(values, samples, row.data());
    } else {
      to_samples(values, samples, wide.data());
      for (std::size_t i = 0; i < samples; ++i) {  // PNG is big-endian
        row[2 * i] = static_cast<unsigned char>(wide[i] >> 8U);
        row[2 * i + 1] = static_cast<unsigned char>(wide[i] & 255U);
      }
    }
    filter_png_row(row.data(), y == 0 ? nullptr : above.data(), bytes, channels * deep, trial,
                   rows.data() + static_cast<std::size_t>(y) * (bytes + 1));
    std::swap(row, above);
  }
  std::string out = "\x89PNG\r\n\x1a\n";
  std::string header;
  store_big32(header, static_cast<std::uint32_t>(image.width));
  store_big32(header, static_cast<std::uint32_t>(image.height));
  header += static_cast<char>(bits);
  header += "\0\4\2\6"[channels - 1];  // the colour type
  header.append(3, '\0');
  append_png_chunk(out, "IHDR", header);
  const std::string &profile = metadata.icc_profile, &exif = metadata.exif;
  for (const auto& [kind, body] : png_chunks(metadata)) append_png_chunk(out, kind, body);
  if (!profile.empty()) {
    std::vector<unsigned char> raw(profile.begin(), profile.end());
    append_png_chunk(out, "iCCP", zlib_compressed(raw).insert(0, "ICC profile\0\0", 13));
  }
  if (!exif.empty()) append_png_chunk(out, "eXIf", exif);
  append_png_chunk(out, "IDAT", zlib_compressed(rows));
  append_png_chunk(out, "IEND", "");
  return out;
}

/// The segments that carry metadata in a JPEG; `writable_metadata` has seen to it that they can.
[[gnu::cold]] inline std::string jpeg_metadata(const ImageMetadata& metadata) {
  std::string out;
  const auto segment = [&](char marker, std::string_view name, std::string_view body) {
    const std::size_t length = name.size() + body.size() + 2;
    const char start[] = {'\xff', marker, static_cast<char>(length >> 8U),
                          static_cast<char>(length & 255U)};
    out.append(start, sizeof start).append(name).append(body);
  };
  using namespace std::string_view_literals;
  constexpr std::size_t most = 65533;
  if (!metadata.exif.empty()) segment('\xe1', "Exif\0\0"sv, metadata.exif);
  const std::string_view profile = metadata.icc_profile;
  constexpr std::size_t part = most - 14;
  const std::size_t parts = ceil_div(profile.size(), part);
  std::string name("ICC_PROFILE\0\0"sv);
  name += static_cast<char>(parts);
  for (std::size_t i = 0; i < parts; ++i) {
    name[12] = static_cast<char>(i + 1);
    segment('\xe2', name, profile.substr(i * part, part));
  }
  return out;
}

/// The density in the JFIF segment, which comes first: its unit, across and down.
[[gnu::cold]] inline void set_jfif_density(std::string& jpeg, const ImageDensity& density) {
  const ImageDensity inch = per_inch(density);
  constexpr std::size_t at = 13;
  if (inch.x == 0 || inch.y == 0 || jpeg.compare(6, 5, std::string("JFIF\0", 5)) != 0) return;
  const auto low = [](std::uint32_t value) { return static_cast<char>(value & 255U); };
  jpeg[at] = inch.unit == ImageDensity::Unit::inch ? '\1' : '\0';
  jpeg[at + 1] = low(inch.x >> 8U);
  jpeg[at + 2] = low(inch.x);
  jpeg[at + 3] = low(inch.y >> 8U);
  jpeg[at + 4] = low(inch.y);
}

/// Portable float map: the values as they are, little-endian, the last row first.
inline std::string encode_pfm(const Image& image) {
  std::string out =
      joined({image.channels == 1 ? "Pf\n" : "PF\n", image.width, ' ', image.height, "\n-1.0\n"});
  const std::size_t row =
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  for (int y = image.height; y-- > 0;)
    out.append(
        reinterpret_cast<const char*>(image.pixels.data() + static_cast<std::size_t>(y) * row),
        row * sizeof(float));
  return out;
}

}  // namespace detail

/// A JPEG with a JFIF segment as encoders make them, and metadata that `writable_metadata` has let
/// pass.
[[gnu::cold]] inline std::string jpeg_with_metadata(std::string jpeg,
                                                    const ImageMetadata& metadata) {
  detail::set_jfif_density(jpeg, metadata.density);
  return jpeg.insert(2, detail::jpeg_metadata(metadata));  // behind the first marker
}

/// The part of a file name from the last dot on, in lower case; empty without a dot.
[[gnu::cold]] inline std::string extension_of(const std::string& name) {
  std::string extension = name.substr((std::min)(name.rfind('.'), name.size()));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return extension;
}

namespace detail {

/// The format that the end of a name says, if it is one that is written here.
[[gnu::cold]] inline std::optional<PictureFormat> format_of(const std::string& name) {
  const std::string extension = extension_of(name);
  if (extension == ".png") return PictureFormat::png;
  if (extension == ".jpg" || extension == ".jpeg") return PictureFormat::jpeg;
  if (extension == ".pfm") return PictureFormat::pfm;
  return {};
}

[[gnu::noinline]] inline void expect_writable(const Image& image) {
  const auto expected = static_cast<std::size_t>((std::max)(0, image.height)) *
                        static_cast<std::size_t>((std::max)(0, image.width)) *
                        static_cast<std::size_t>((std::max)(0, image.channels));
  EQSR_EXPECTS(expected > 0 && image.pixels.size() == expected, "bad_argument", "An image of ",
               image.height, " x ", image.width, " x ", image.channels, " must hold ", expected,
               " values, but holds ", image.pixels.size(), ". It needs at least one pixel.");
  for (const float value : image.pixels)
    EQSR_EXPECTS(std::isfinite(value), "nonfinite_output",
                 "The image holds values that are not finite, so it is not written. Check the "
                 "input and the weights.");
}

}  // namespace detail

/// The pixels clamped to [0,1] and rounded to bytes. Throws `nonfinite_output`.
inline std::vector<std::uint8_t> to_bytes(const Image& image) {
  detail::expect_writable(image);
  std::vector<std::uint8_t> bytes(image.pixels.size());
  to_samples(image.pixels.data(), bytes.size(), bytes.data());
  return bytes;
}

namespace detail {

/// A JPEG as stb writes it, empty if it had no memory.
[[gnu::noinline]] inline std::string encode_jpeg(const Image& image, int quality) {
  std::string encoded;
  const auto append = [](void* to, void* data, int count) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data),
                                          static_cast<std::size_t>(count));
  };
  const std::vector<std::uint8_t> samples = to_bytes(image);
  const int done = stb::stbi_write_jpg_to_func(append, &encoded, image.width, image.height,
                                               image.channels, samples.data(), quality);
  return done != 0 ? encoded : std::string();
}

}  // namespace detail

/// The note on a grey JPEG, which stb cannot write with one channel.
inline constexpr const char* grey_as_three =
    "The grey JPEG is written with three equal channels. PNG keeps one.";

/// Encodes an image in the format that the extension of `name` says: PNG takes one to four channels
/// (grey, grey and alpha, RGB, RGB and alpha), JPEG and PFM one or three. A grey JPEG has three
/// equal channels, as stb writes it. What of the metadata is damaged or has no place in the format
/// is dropped. Both are noted.
[[gnu::noinline]] inline std::string encode_image(const std::string& name, const Image& image,
                                                  const WriteOptions& options = {}) {
  const std::optional<PictureFormat> format = detail::format_of(name);
  EQSR_EXPECTS(format.has_value(), "unknown_format", name,
               ": Pictures are written as .png, .jpg, .jpeg or .pfm. Choose a name that ends so.");
  const bool png = format == PictureFormat::png, pfm = format == PictureFormat::pfm;
  const int channels = image.channels;
  EQSR_EXPECTS(channels == 1 || channels == 3 || (png && channels >= 1 && channels <= 4),
               "bad_argument", name, ": An image of ", channels,
               " channels cannot be written. Give it one (grey) or three (RGB); PNG also takes "
               "alpha.");
  EQSR_EXPECTS(options.quality >= 1 && options.quality <= 100, "bad_argument",
               "The JPEG quality is ", options.quality, "; it must be 1 to 100.");
  EQSR_EXPECTS(options.bits == 8 || options.bits == 16, "bad_argument", "A PNG of ", options.bits,
               " bits a sample cannot be written; choose 8 or 16.");
  detail::expect_writable(image);
  const auto note = [&](const std::string& sentence) {
    if (options.on_note) options.on_note(detail::joined({name, ": ", sentence}));
  };
  const ImageMetadata metadata = writable_metadata(options.metadata, *format, channels <= 2, note);
  if (format == PictureFormat::jpeg && channels == 1) note(grey_as_three);
  if (pfm) return detail::encode_pfm(image);
  const std::size_t bytes = image.pixels.size() * static_cast<std::size_t>(options.bits / 8) +
                            static_cast<std::size_t>(image.height);
  EQSR_EXPECTS(bytes < 900'000'000 && (png || (image.width <= 65535 && image.height <= 65535)),
               "limit_exceeded", name, ": ", image.width, " x ", image.height,
               " pixels are too many for this format: JPEG takes 65535 a side, and 900 MB of "
               "samples are encoded at most. Choose a smaller size.");
  if (png) return detail::encode_png(image, options.bits, metadata);
  std::string encoded = detail::encode_jpeg(image, options.quality);
  EQSR_EXPECTS(encoded.size() > 2, "out_of_memory", name,
               ": There was not enough memory to encode the picture. Choose a smaller size.");
  return jpeg_with_metadata(std::move(encoded), metadata);
}

/// Writes a picture file, as `encode_image` does. It appears complete or not at all; what was there
/// before stays until then.
[[gnu::noinline]] inline void write_image(const std::string& path, const Image& image,
                                          const WriteOptions& options = {}) {
  const std::string encoded = encode_image(path, image, options);
  OutputFile file(path);
  file.write(encoded.data(), encoded.size());
  file.commit();
}

}}  // namespace eqsr::EQSR_ABI
