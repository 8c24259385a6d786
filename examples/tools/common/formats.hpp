// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/picture/write.hpp>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

/// The one list of the pictures that the tools know.
namespace tool {

struct Format {
  std::string_view name;        ///< of --format; files end in it, with a dot in front
  std::string_view other_name;  ///< files may also end in this
  bool read = true;
  bool alpha = false, deep = false, quality = false;  ///< whether --alpha, --bits, --quality matter
  int max_side = 0;                                   ///< pixels; 0: any
};

inline constexpr std::array formats = {
    Format{.name = "png", .other_name = "", .alpha = true, .deep = true},
    Format{.name = "webp", .other_name = "", .alpha = true, .quality = true, .max_side = 16383},
    Format{.name = "jpg", .other_name = "jpeg", .quality = true, .max_side = 65535},
    Format{.name = "pfm", .other_name = "", .read = false},
};

/// The format that a file's name ends in, or null.
inline const Format* format_of_name(const std::filesystem::path& path) {
  const std::string extension = eqsr::extension_of(path.string());
  if (extension.size() < 2) return nullptr;
  for (const Format& format : formats)
    if (extension.substr(1) == format.name || extension.substr(1) == format.other_name)
      return &format;
  return nullptr;
}

/// Whether pictures of this name are read.
inline bool is_picture_name(const std::filesystem::path& path) {
  const Format* format = format_of_name(path);
  return format != nullptr && format->read;
}

/// ".png, .jpg, .jpeg or .pfm": what names of pictures end in, those to be read alone or all.
inline std::string extensions(bool read) {
  std::string text;
  std::string last;
  for (const Format& format : formats)
    for (const std::string_view name : {format.name, format.other_name}) {
      if (name.empty() || (read && !format.read)) continue;
      if (!last.empty()) text += (text.empty() ? "" : ", ") + last;
      last = "." + std::string(name);
    }
  return text + " or " + last;
}

}  // namespace tool
