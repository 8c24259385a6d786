// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <functional>
#include <string>
#include <utility>

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
  if (eqsr::detail::extension_of(job.to.front().string()) == ".png") return image;
  note(job.from.string() + ": The output has no transparency; the ground is white.");
  return eqsr::over_white(image);
}

/// Whether the result can go to its file row by row, without ever being whole.
inline bool in_rows(const std::filesystem::path& path, const eqsr::Image& image) {
  return PngWriter::streams && image.channels == 3 &&
         eqsr::detail::extension_of(path.string()) == ".png";
}

/// What encoding takes beside a result that is whole.
inline std::size_t encoding_bytes(eqsr::Size size, int channels) {
  return static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) *
         static_cast<std::size_t>(3 * channels);
}

/// Encodes a picture in the format that `path` says, into its open file.
inline void write_picture(eqsr::OutputFile& file, const std::filesystem::path& path,
                          const eqsr::Image& image, const eqsr::WriteOptions& options) {
  if (eqsr::detail::extension_of(path.string()) != ".png") {
    const std::string encoded = eqsr::encode_image(path.string(), image, options);
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
