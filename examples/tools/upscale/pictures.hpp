// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/formats.hpp"
#include "common/picture/jpeg_encoder.hpp"
#include "common/picture/libraries.hpp"
#include "common/picture/webp.hpp"
#include "files.hpp"
#include "options.hpp"
#include "png_writer.hpp"

/// Pictures between the files and the network.
namespace tool {

/// The picture as its output can hold it: without alpha if that is unwanted, over white if the
/// format has none.
inline eqsr::Image fitted(eqsr::Image image, const Options& options, const Job& job,
                          const std::function<void(const std::string&)>& note) {
  if (image.channels != 4) return image;
  if (options.alpha == eqsr::Alpha::drop) return eqsr::opaque(image);
  if (const Format* format = format_of_name(job.to.front()); format != nullptr && format->alpha)
    return image;
  note(job.from.string() + ": The output has no transparency; the ground is white.");
  return eqsr::over_white(image);
}

inline bool is_named(const std::filesystem::path& path, std::string_view format) {
  const Format* found = format_of_name(path);
  return found != nullptr && found->name == format;
}

/// What of the metadata the output can hold; what it has otherwise is noted.
inline eqsr::ImageMetadata fitted(eqsr::ImageMetadata metadata, bool grey, const Job& job,
                                  const std::function<void(const std::string&)>& note) {
  const std::filesystem::path& to = job.to.front();
  const eqsr::PictureFormat format = is_named(to, "png")    ? eqsr::PictureFormat::png
                                     : is_named(to, "webp") ? eqsr::PictureFormat::webp
                                     : is_named(to, "pfm")  ? eqsr::PictureFormat::pfm
                                                            : eqsr::PictureFormat::jpeg;
  if (grey && format == eqsr::PictureFormat::jpeg && !EQSR_HAS_JPEG)
    note(job.from.string() + ": " + eqsr::grey_as_three);
  return eqsr::writable_metadata(
      std::move(metadata), format, grey,
      [&](const std::string& sentence) { note(job.from.string() + ": " + sentence); });
}

/// Whether the result can go to its file row by row, without ever being whole.
inline bool in_rows(const std::filesystem::path& path, int channels) {
  return PngWriter::streams && channels == 3 && is_named(path, "png");
}

/// What encoding takes beside a result that is whole. libwebp takes at most 40 bytes a pixel.
inline std::size_t encoding_bytes(const std::filesystem::path& path, eqsr::Size size,
                                  int channels) {
  const int pixel = is_named(path, "webp") ? 40 : 3 * channels;
  return static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) *
         static_cast<std::size_t>(pixel);
}

/// Encodes a picture in the format that `path` says, into its open file.
inline void write_picture(eqsr::OutputFile& file, const std::filesystem::path& path,
                          const eqsr::Image& image, const eqsr::WriteOptions& options,
                          std::optional<int> quality) {
  if (!is_named(path, "png")) {
    const std::string encoded =
        is_named(path, "webp")  ? encode_webp(image, quality, options.metadata)
        : is_named(path, "jpg") ? encode_jpeg(image, options)
                                : eqsr::encode_image(path.string(), image, options);
    file.write(encoded.data(), encoded.size());
    return file.commit();
  }
  PngWriter writer(file, image.width, image.height, image.channels, options.bits, options.metadata);
  const auto row = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  for (int y = 0; y < image.height; ++y)
    writer.write_row(image.pixels.data() + static_cast<std::size_t>(y) * row);
  writer.finish();
}

}  // namespace tool
