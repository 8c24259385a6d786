// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What is said to a PNG, and pieces of small ones.

#include "pictures.hpp"

#include <eqsr/io/image.hpp>

namespace eqsr_test {

/// What the walk refuses a picture for. What it lets pass, the decoder must read, unless the
/// picture is too large.
[[nodiscard]] inline std::string code_of(const std::string& bytes) {
  try {
    eqsr::detail::PngWalk walk(bytes, "test");
    (void)walk.read();
    std::string essence = walk.essence();
    (void)walk.check_rows(essence);
  } catch (const eqsr::Error& error) {
    return error.code();
  }
  try {
    (void)eqsr::decode_picture(bytes);
  } catch (const eqsr::Error& error) {
    return error.code() == "image_limit" ? error.code() : "by the decoder, " + error.code();
  }
  return "none";
}

/// The code of the error, or all notes: what is wrong and costs no pixel.
[[nodiscard]] inline std::string answer_to(const std::string& bytes) {
  const std::string code = code_of(bytes);
  if (code != "none") return code;
  std::string notes;
  eqsr::ReadOptions options;
  options.on_note = [&](const std::string& note) { notes += note.substr(9) + " "; };  // "picture: "
  (void)eqsr::decode_picture(bytes, options);
  return notes.empty() ? code : notes;
}

/// A palette.
[[nodiscard]] inline std::string colours(unsigned count) {
  std::string bytes;
  for (unsigned i = 0; i < count; ++i)
    for (const unsigned factor : {3U, 5U, 7U}) bytes += static_cast<char>(i * factor & 255U);
  return chunk("PLTE", bytes);
}

/// Pictures of one black pixel.
inline const std::string grey = ihdr(1, 1, 8, 0), rgb = ihdr(1, 1, 8, 2),
                         indexed = ihdr(1, 1, 8, 3);
inline const std::string data = chunk("IDAT", stored("\0\0"s)), end = chunk("IEND", "");
inline const std::string rgb_data = chunk("IDAT", stored("\0\0\0\0"s));

}  // namespace eqsr_test
