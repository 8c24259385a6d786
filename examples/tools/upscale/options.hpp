// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/eqsr.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/decimal_comma.hpp"
#include "common/formats.hpp"
#include "common/memory.hpp"
#include "common/network_option.hpp"
#include "common/output_plan.hpp"
#include "common/path.hpp"
#include "common/picture/libraries.hpp"
#include "common/progress.hpp"
#include "common/text.hpp"
#include "effects.hpp"

/// What the command line of `upscale` says.
namespace tool {

/// Exit codes; README.md lists them.
enum Exit { ok = 0, images_failed = 1, usage = 2, weights_failed = 3, no_device = 4 };

/// The part of a folder that this process works on: every count-th picture from the number-th.
struct Shard {
  int number = 1, count = 1;
};

/// A size that is wished for.
struct Wish {
  eqsr::Target target;  ///< unless only one side is given
  std::string suffix;   ///< of the output's name
};

struct Options {
  Path input, output, weights;
  std::vector<Wish> wishes;
  int width = 0, height = 0;  ///< with one of them the other follows from the picture
  int threads = 0;
  std::string network = "lite", encoding, device = "cpu", precision, format = "png", sha256;
  eqsr::Alpha alpha = eqsr::Alpha::network;
  std::optional<int> quality;  ///< of JPEG, 95 if not given; of WebP, which else loses nothing
  int bits = 0;                ///< a sample of PNG; 0: as in the input
  std::size_t max_memory = 0;  ///< bytes; 0: half of what is free
  int band_height = 0;         ///< rows at once; 0: as the threads need
  double max_megapixels = 268;
  Shard shard;
  Style progress = Style::bar;
  int raw_width = 0, raw_height = 0;  ///< of frames on the standard input; 0: files
  bool overlap = true;                ///< read and write while the network computes
  bool symmetries = false, share_trunk = false;
  bool rgb = false;  ///< three channels for a grey picture too
  IfThere if_there = IfThere::refuse;
  bool recursive = false, verbose = false;
  std::vector<std::string> notes;  ///< on the command line itself

  /// Whether the output is a folder: one that is there, or a name with a slash behind it.
  [[nodiscard]] bool into_folder() const {
    std::error_code unknown;
    return !output.has_filename() || std::filesystem::is_directory(output, unknown) ||
           std::filesystem::is_directory(input, unknown);
  }

  /// What is wanted for a picture of this size.
  [[nodiscard]] eqsr::Target target_for(const Wish& wish, int image_height, int image_width) const {
    if ((width > 0) == (height > 0)) return wish.target;
    eqsr::Target size = wish.target;
    const double ratio = double(image_height) / image_width;
    size.width = width > 0 ? width : std::max(1, int(std::nearbyint(height / ratio)));
    size.height = height > 0 ? height : std::max(1, int(std::nearbyint(width * ratio)));
    return size;
  }
  /// The wish whose result has the most pixels, of those for which `counts(wish)`.
  template <class F>
  [[nodiscard]] std::size_t largest_wish(int image_height, int image_width, const F& counts) const {
    std::size_t largest = 0;
    std::int64_t most = 0;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
      const eqsr::Size size = eqsr::resolve(target_for(wishes[i], image_height, image_width),
                                            image_height, image_width);
      const std::int64_t pixels = std::int64_t{size.height} * size.width;
      if (pixels <= most || !counts(i)) continue;
      largest = i;
      most = pixels;
    }
    return largest;
  }
};

/// Two numbers with an x between them, or one number for both.
template <class Number>
std::pair<Number, Number> parse_pair(const std::string& option, const std::string& text,
                                     bool one_is_enough) {
  Number first{}, second{};
  const std::size_t cross = text.find_first_of("xX");
  const bool good = cross == std::string::npos ? one_is_enough && parse_number(text, first)
                                               : parse_number(text.substr(0, cross), first) &&
                                                     parse_number(text.substr(cross + 1), second);
  if (!good)
    throw CLI::ValidationError(
        option, "\"" + text + "\" is not understood; give " +
                    (one_is_enough ? "a factor such as 3.7, or two such as 2x3.5 (across x down)."
                                   : "width and height, such as 1920x1080."));
  return {first, cross == std::string::npos ? first : second};
}

/// "2/8".
inline Shard parse_shard(const std::string& text) {
  const std::size_t slash = text.find('/');
  Shard shard;
  if (slash == std::string::npos || !parse_number(text.substr(0, slash), shard.number) ||
      !parse_number(text.substr(slash + 1), shard.count) || shard.number < 1 ||
      shard.number > shard.count)
    throw CLI::ValidationError("--shard", "\"" + text +
                                              "\" is not understood; give a part and the number "
                                              "of parts, such as 2/8; the first part is 1.");
  return shard;
}

/// "2,3x2.5,3.7": a wish for each factor; the suffixes are -x2, -x3x2.5 and -x3.7.
inline std::vector<Wish> parse_scales(const std::string& text) {
  std::vector<Wish> wishes;
  for (std::size_t at = 0, end = 0; at <= text.size(); at = end + 1) {
    end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    const auto [across, down] = parse_pair<double>("--scale", part, true);
    for (const double value : {across, down})
      if (!(value > 0 && value <= 1000))
        throw CLI::ValidationError("--scale", "A factor must be above 0 and at most 1000.");
    for (const Wish& wish : wishes)
      if (wish.suffix == "-x" + part)
        throw CLI::ValidationError("--scale", "The factor " + part + " is given twice.");
    wishes.push_back({{.scale_y = down, .scale_x = across}, "-x" + part});
  }
  if (wishes.size() == 1) wishes.front().suffix.clear();
  return wishes;
}

/// "4", or as in the ncnn tools "1:4:1": threads that read, compute and write. One reads and one
/// writes at most; with a 0 there, the computing ones do it in between.
inline void parse_threads(const std::string& text, Options& options) {
  std::vector<std::string> parts(1);
  for (const char c : text) c == ':' ? void(parts.emplace_back()) : parts.back().push_back(c);
  std::vector<int> counts(parts.size());
  bool good = parts.size() == 1 || parts.size() == 3;
  for (std::size_t i = 0; i < parts.size(); ++i)
    good = good && parse_number(parts[i], counts[i]) && counts[i] >= 0 && counts[i] <= 4096;
  if (!good)
    throw CLI::ValidationError("--threads", "\"" + text +
                                                "\" is not understood; give a number from 0 to "
                                                "4096, or three such as 1:4:1.");
  options.threads = counts[counts.size() / 2];
  if (counts.size() == 3) options.overlap = counts[0] > 0 && counts[2] > 0;
}

/// The numbers of "cuda:0,1", 0 for "cuda" alone, none for another word.
inline std::vector<int> cuda_devices(const std::string& word) {
  if (word == "cuda") return {0};
  std::vector<int> devices;
  if (!word.starts_with("cuda:")) return devices;
  for (std::size_t at = 5, end = 0; at <= word.size(); at = end + 1) {
    end = std::min(word.find(',', at), word.size());
    int device = 0;
    if (!parse_number(word.substr(at, end - at), device) || device < 0 ||
        std::find(devices.begin(), devices.end(), device) != devices.end())
      return {};
    devices.push_back(device);
  }
  return devices;
}

/// The Facts of a command line, as far as `options` are filled.
inline unsigned facts_of(const Options& options, bool drops_alpha, bool many_machines,
                         bool one_count) {
  const bool into_folder = options.into_folder(), cpu = !options.device.starts_with("cuda");
  unsigned facts = 0;
  if (cpu) facts |= on_cpu;
  if (!cpu && one_count) facts |= on_gpu;
  if (many_machines) facts |= Fact::many_machines;
  if (options.wishes.size() < 2) facts |= one_scale;
  if (options.raw_width > 0) return facts | frames;
  std::error_code unknown;
  if (!std::filesystem::is_directory(options.input, unknown)) facts |= one_picture;
  if (!into_folder) facts |= named_file;
  const std::string name = into_folder ? "." + options.format : options.output.string();
  const Format* format = format_of_name(name);
  if (format == nullptr) return facts;  // refused elsewhere
  if (!format->alpha && !drops_alpha) facts |= no_alpha;
  if (!format->deep) facts |= no_depth;
  if (!format->quality) facts |= no_quality;
  return facts;
}

inline std::string version() {
  std::string text = "upscale, eqsr " + std::to_string(EQSR_VERSION_MAJOR) + "." +
                     std::to_string(EQSR_VERSION_MINOR) + "." + std::to_string(EQSR_VERSION_PATCH);
  const std::pair<bool, const char*> libraries[] = {{EQSR_HAS_SPNG, "libspng"},
                                                    {EQSR_HAS_JPEG, "libjpeg"},
                                                    {EQSR_HAS_WEBP, "libwebp"},
                                                    {EQSR_HAS_UTF8PROC, "utf8proc"}};
  for (const auto& [here, name] : libraries)
    if (here) text += std::string(", with ") + name;
  return text;
}

/// Fills `options`; the result is an exit code when the program is to end here (help, mistakes).
inline std::optional<int> parse(int argc, char** argv, Options& options,
                                bool many_machines = false) {
  CLI::App app{"Enlarges pictures by any factor or to any size.", "upscale"};
  app.set_version_flag("--version", version());
  app.set_help_flag("-h,--help", "Show this text");
  app.allow_windows_style_options(false);  // paths may begin with a slash
  std::string scale, size, memory, shard, threads, raw;
  double scale_x = 0, scale_y = 0;

  auto* input =
      app.add_option("-i,--input", options.input, "A PNG, JPEG or WebP file, or a folder");
  auto* output = app.add_option("-o,--output", options.output,
                                "A .png, .webp, .jpg or .pfm file, or a folder");
  // A group of names only: CLI11 2.3 loops for ever when a stray word meets an option group.
  const std::string group = "How large; without any of these the factor is 2";
  auto* s = app.add_option("-s,--scale", scale,
                           "A factor, such as 3.7; or AxB, across x down; or several: 2,3.7");
  auto* sx = app.add_option("--scale-x", scale_x, "The factor across");
  auto* sy = app.add_option("--scale-y", scale_y, "The factor down");
  auto* wh = app.add_option("--size", size, "WxH, in pixels");
  auto* w = app.add_option("--width", options.width, "Pixels across; alone it keeps the shape");
  auto* h = app.add_option("--height", options.height, "Pixels down; alone it keeps the shape");
  for (auto* option : {s, sx, sy, wh, w, h}) option->group(group);
  s->excludes(sx, sy, wh, w, h);
  wh->excludes(sx, sy, w, h);
  for (auto* factor : {sx, sy}) factor->excludes(w, h);
  sx->needs(sy);
  sy->needs(sx);

  auto* m = app.add_option("-m,--weights", options.weights,
                           "A .safetensors or .pth file; a shipped one if not given");
  add_network_option(app, options.network, m);
  app.add_option("--sha256", options.sha256, "What the weights' SHA-256 must be");
  const std::map<std::string, eqsr::Alpha> alphas{{"network", eqsr::Alpha::network},
                                                  {"bicubic", eqsr::Alpha::bicubic},
                                                  {"drop", eqsr::Alpha::drop}};
  std::string alpha = "network";
  app.add_option("--alpha", alpha, "How transparency is enlarged")
      ->check(CLI::IsMember({"network", "bicubic", "drop"}));
  app.add_flag("--rgb", options.rgb, "Three channels for grey pictures too");
  app.add_option("--bits", options.bits, "Of PNG samples, 8 or 16; as in the input if not given")
      ->check(CLI::IsMember({8, 16}));
  app.add_option("--encoding", options.encoding,
                 "How the weights' training rounded: division or reciprocal; the file decides "
                 "if not given")
      ->check(CLI::IsMember({"division", "reciprocal"}));
  app.add_option("-j,--threads", threads,
                 "Threads; 0 takes every core. 1:4:1: that read, compute, write; 0:4:0: in turn");
  app.add_option("-g,--device", options.device,
                 "cpu; or cuda, an NVIDIA GPU, and cuda:1 the second one; cuda:0,1 shares out the "
                 "pictures of a folder");
  app.add_option("--precision", options.precision,
                 "On cuda: float32 if not given; bf16x3 and bf16 use tensor cores")
      ->check(CLI::IsMember({"float32", "bf16x3", "bf16"}));
  std::vector<std::string> format_names;
  std::string all_formats;
  for (const Format& format : formats) {
    format_names.emplace_back(format.name);
    all_formats += (all_formats.empty() ? "" : ", ") + format_names.back();
  }
  app.add_option("-f,--format", options.format, "What a folder is filled with: " + all_formats)
      ->check(CLI::IsMember(format_names));
  app.add_option("-q,--quality", options.quality,
                 "Of JPEG, 95 if not given; of WebP, which else loses nothing")
      ->check(CLI::Range(1, 100));
  app.add_option("--max-memory", memory,
                 "Memory for one picture, such as 400M or 1.5G; half of what is free if not given");
  app.add_option("-t,--band-height", options.band_height,
                 "Rows worked on at once; 0 takes what the threads need. Memory changes, never "
                 "the picture")
      ->check(CLI::Range(0, 1'000'000));
  app.add_option("--max-megapixels", options.max_megapixels, "Refuse larger inputs")
      ->check(CLI::PositiveNumber);
  app.add_flag("-r,--recursive", options.recursive, "Folders inside the folder too");
  bool skips = false, overwrites = false;
  auto* skip = app.add_flag("--skip-existing", skips, "Keep outputs that are there already");
  app.add_flag("--overwrite", overwrites, "Replace outputs that are there already")->excludes(skip);
  app.add_option("--shard", shard,
                 "i/n: only the i-th of n parts of a folder, for n processes or machines");
  app.add_flag("-x,--symmetries", options.symmetries,
               "The mean over the eight turned and mirrored pictures: eight times the time");
  app.add_flag("--share-trunk", options.share_trunk,
               "Several scales from one trunk pass: faster; only the first is as if alone")
      ->excludes("--symmetries");
  const std::map<std::string, Style> styles{
      {"none", Style::none}, {"bar", Style::bar}, {"plain", Style::plain}, {"json", Style::json}};
  std::string style = "bar";
  app.add_option("--progress", style,
                 "A bar on a terminal, plain lines, JSON lines on the standard output, or none")
      ->check(CLI::IsMember({"bar", "plain", "json", "none"}));
  auto* frames = app.add_option("--raw", raw,
                                "WxH: frames of rgb24 from the standard input to the standard "
                                "output");
  frames->excludes(input, output);
  app.add_flag("-v,--verbose", options.verbose, "Say sizes, memory and times");
  app.footer(
      "Examples:\n"
      "  upscale -i photo.jpg -o large.png -s 3.7\n"
      "  upscale -i photo.jpg -o wide.png --scale 2x1.5\n"
      "  upscale -i photo.jpg -o screen.png --size 1920x1080\n"
      "  upscale -i photo.jpg -o large.png -s 2,3.7 --progress plain\n"
      "  upscale -i photos -o large --width 2000 -r --skip-existing\n"
      "  upscale -i photos -o large -s 4 --shard 2/8 --skip-existing\n"
      "  upscale -i photos -o large -s 4 -g cuda:0,1\n"
      "  upscale --raw 640x360 -s 2 < frames.rgb > large.rgb\n"
      "\n"
      "Exit codes: 0 done; 1 an image failed (the others are done); 2 the command line is wrong;\n"
      "3 the weights cannot be used; 4 no such device; 130 interrupted.");

  try {
    app.parse(argc, argv);
    if (raw.empty())
      for (auto* option : {input, output})
        if (!*option) throw CLI::RequiredError(option->get_name());
    if (!raw.empty()) {
      std::tie(options.raw_width, options.raw_height) = parse_pair<int>("--raw", raw, false);
      for (const int side : {options.raw_width, options.raw_height})
        if (side < 1 || side > 65535)
          throw CLI::ValidationError("--raw", "A frame has 1 to 65535 pixels a side.");
    }
    if (!threads.empty()) parse_threads(threads, options);
    if (!memory.empty()) {
      const auto bytes = parse_bytes(memory);
      if (!bytes || *bytes == 0)
        throw CLI::ValidationError("--max-memory", "\"" + memory +
                                                       "\" is not understood; give an amount such "
                                                       "as 400M or 1.5G.");
      options.max_memory = *bytes;
    }
    if (!shard.empty()) options.shard = parse_shard(shard);
    if (!size.empty())
      std::tie(options.width, options.height) = parse_pair<int>("--size", size, false);
    if (*sx && !(scale_x > 0 && scale_x <= 1000 && scale_y > 0 && scale_y <= 1000))
      throw CLI::ValidationError("--scale-x", "A factor must be above 0 and at most 1000.");
    if (!scale.empty()) options.wishes = parse_scales(scale);
    if (const auto note = decimal_comma(scale)) options.notes.push_back(*note);
    if (!raw.empty() && options.wishes.size() > 1)
      throw CLI::ValidationError("--raw", "Frames have one size; give one scale.");
    for (auto [given, value] :
         {std::pair(*w || *wh, options.width), std::pair(*h || *wh, options.height)})
      if (given && (value < 1 || value > 1'000'000))
        throw CLI::ValidationError("--size", "A size must be between 1 and 1000000 pixels.");
    const unsigned facts =
        facts_of(options, alpha == "drop", many_machines, threads.find(':') == std::string::npos);
    const auto given = [&](const std::string& name) { return app.get_option(name)->count() > 0; };
    if (const auto sentence = useless_option(facts, given)) throw CLI::ValidationError(*sentence);
    if ((facts & (Fact::frames | one_picture)) != 0 && cuda_devices(options.device).size() > 1)
      throw CLI::ValidationError(
          "--device",
          "Several devices share out the pictures of a folder; a single picture, and "
          "frames, are computed on one. Give one.");
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error) == 0 ? Exit::ok : Exit::usage;
    if (std::cout.flush()) return code;
    std::cerr << "upscale: The text could not be written to where the output goes.\n";
    return Exit::usage;
  }
  options.alpha = alphas.at(alpha);
  if (skips) options.if_there = IfThere::skip;
  if (overwrites) options.if_there = IfThere::overwrite;
  options.progress = styles.at(style);
  if (*w || *h || *wh) {
    options.wishes = {{{.height = options.height, .width = options.width}, {}}};
  } else if (*sx) {
    options.wishes = {{{.scale_y = scale_y, .scale_x = scale_x}, {}}};
  } else if (options.wishes.empty()) {
    options.wishes = {{{.scale = 2}, {}}};
  }
  return {};
}

}  // namespace tool
