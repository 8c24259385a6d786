// SPDX-License-Identifier: Apache-2.0
// Pictures through both ways: that of the headers (our walk and stb) and that of the tools
// (libjpeg-turbo, libspng, libwebp where this program has them). Both must say the same.
#include <doctest/doctest.h>

#include <eqsr/io/image.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

#include "common/picture/read_picture.hpp"
#include "io/jpegs.hpp"
#include "io/pictures.hpp"

namespace {

using namespace std::string_literals;
namespace fs = std::filesystem;
const fs::path folder = fs::path(EQSR_TEST_DATA) / "pictures";

using Read = eqsr::Picture (*)(const std::string&, const eqsr::ReadOptions&);
struct Answer {
  eqsr::Picture picture;
  std::string code, notes;
};
Answer answer(Read read, const fs::path& path) {
  Answer made;
  eqsr::ReadOptions options;
  options.on_note = [&](const std::string& note) {
    made.notes += note.substr(path.string().size());
  };
  try {
    made.picture = read(path.string(), options);
  } catch (const eqsr::Error& error) {
    made.code = error.code();
  }
  return made;
}

/// The largest difference of two pictures, in levels of 8 bits.
double difference(const eqsr::Image& a, const eqsr::Image& b) {
  if (a.width != b.width || a.height != b.height || a.pixels.size() != b.pixels.size()) return 256;
  double most = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    most = std::max(most, 255.0 * std::abs(double(a.pixels[i]) - double(b.pixels[i])));
  return most;
}

eqsr::Image read_ppm(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  int width = 0, height = 0, most = 0;
  file >> kind >> width >> height >> most;
  file.get();
  REQUIRE(kind == "P6");
  std::vector<unsigned char> bytes(std::size_t(width) * std::size_t(height) * 3);
  file.read(reinterpret_cast<char*>(bytes.data()), std::streamsize(bytes.size()));
  REQUIRE(file.gcount() == std::streamsize(bytes.size()));
  return eqsr::detail::image_of(bytes.data(), height, width, 3, 3);
}

struct Case {
  const char* name;
  const char* says;  ///< the code of the error, a part of a note, or nothing
};
constexpr Case cases[] = {
    {"422.jpg", ""},
    {"apng.png", "animated"},
    {"cut_baseline.jpg", "image_truncated"},
    {"cut_progressive.jpg", "image_truncated"},
    {"cut_restart.jpg", "image_truncated"},
    {"gray16.png", ""},
    {"gray8.png", ""},
    {"j_no_dht.jpg", "standard ones"},
    {"j_no_eoi.jpg", "no end marker"},
    {"j_rst_before_eoi.jpg", "2 stray bytes"},
    {"j_stray_between.jpg", "stray bytes"},
    {"la.png", ""},
    {"pal_long_trns.png", "transparency"},
    {"png_after_iend.png", "7 bytes behind its end"},
    {"png_bad_text_crc.png", "tEXt"},
    {"png_chrm_p3.png", ""},
    {"png_cicp_pq16.png", ""},
    {"png_gama_linear.png", ""},
    {"png_idat_tail.png", "16 bytes behind its data"},
    {"png_phys300.png", ""},
    {"x_badmagic.jpg", "Exif is damaged"},
};

Answer here(const fs::path& path) { return answer(eqsr::read_picture, path); }
Answer tools(const fs::path& path) { return answer(tool::read_picture, path); }

struct File {
  fs::path path = fs::temp_directory_path() / ("eqsr-decoders-" + std::to_string(::getpid()));
  explicit File(const std::string& bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
  }
  ~File() { fs::remove(path); }
};

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("what is read, noted or refused, and both ways agree") {
  for (const Case& row : cases) {
    INFO(std::string(row.name));
    const Answer a = here(folder / "inputs" / row.name), b = tools(folder / "inputs" / row.name);
    CHECK(a.code == b.code);
    CHECK(a.notes == b.notes);
    const std::string says = row.says;
    if (says.empty()) {
      CHECK(a.code + a.notes == "");
    } else if (says.starts_with("image_")) {
      CHECK(a.code == says);
    } else {
      CHECK(a.notes.find(says) != std::string::npos);
    }
    CHECK(difference(a.picture.image, b.picture.image) <=
          (fs::path(row.name).extension() == ".png" ? 0 : 3.001));
    CHECK(a.picture.grey == b.picture.grey);
    CHECK(a.picture.metadata.exif == b.picture.metadata.exif);
    CHECK(a.picture.metadata.colour.size() == b.picture.metadata.colour.size());
  }
  // Each input is a case.
  const auto files = std::distance(fs::directory_iterator(folder / "inputs"), {});
  CHECK(files == std::ssize(cases));
}

TEST_CASE("every sampling of JPEG comes out as libjpeg-turbo's within 3 levels") {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder / "samplings")) {
    if (entry.path().extension() != ".jpg") continue;
    INFO(entry.path().string());
    const eqsr::Image truth = read_ppm(fs::path(entry.path()).replace_extension(".ppm"));
    const Answer a = here(entry.path()), b = tools(entry.path());
    CHECK(a.code + a.notes + b.code + b.notes == "");
    CHECK(difference(a.picture.image, truth) <= 3.001);
    CHECK(difference(b.picture.image, truth) <= (EQSR_HAS_JPEG ? 0 : 3.001));
    ++count;
  }
  CHECK(count == 18);
}

TEST_CASE("every cut of a JPEG before its last block is refused by both ways") {
  for (const char* name : {"422", "restart", "progressive", "grey"}) {
    const std::string whole = bytes_of(folder / "samplings" / (name + ".jpg"s));
    for (std::size_t size = 700; size < whole.size() - 2; size += 7) {
      const File file(whole.substr(0, size) + "\xff\xd9");
      INFO(std::string(name), " ", size);
      const Answer a = here(file.path), b = tools(file.path);
      CHECK(a.code == b.code);
      // Between two scans of a progressive one nothing says that more was to come.
      CHECK((a.code != "" || a.notes.find("last scans are missing") != std::string::npos));
    }
  }
}

TEST_CASE("damaged pictures of which no sample is missing: both ways agree, or one has a note") {
  using namespace eqsr_test;
  const auto ask = [](const std::string& bytes) {
    const File file(bytes);
    return std::pair(here(file.path), tools(file.path));
  };
  // A table of quantisation that changes after each channel's first scan does not count.
  const fs::path sound = folder / "samplings/progressive.jpg";
  std::string changed = bytes_of(sound);
  changed.insert(changed.find("\xff\xda", changed.find("\xff\xda") + 2),
                 segment(0xdb, "\0"s + std::string(64, '\1')));
  const auto [a, b] = ask(changed);
  CHECK(a.code + a.notes + b.code + b.notes == "");
  CHECK(difference(a.picture.image, here(sound).picture.image) == 0);
  CHECK(difference(b.picture.image, tools(sound).picture.image) == 0);

  // Levels a long way from black and white: libjpeg wraps them around; stb does not, and refuses
  // them from 2.28 on.
  std::string loud = bytes_of(folder / "samplings/grey.jpg");
  loud[loud.find("\xff\xdb") + 5] = '\xff';
  const auto [c, d] = ask(loud);
  CHECK(c.code == (EQSR_TEST_STB_VERSION >= 28 ? "image_corrupt" : ""));
  CHECK((c.code != "" || c.notes.find("far beyond the range") != std::string::npos));
  CHECK(d.code + d.notes == (EQSR_HAS_JPEG ? "" : c.code + c.notes));

  // A PNG without the checksum of its data, or with a part of it.
  const std::string head = "\x89PNG\r\n\x1a\n" + chunk("IHDR", "\0\0\0\x10\0\0\0\1\x08\0\0\0\1"s);
  const std::string data(
      "\x78\xda\x63\xc8\x7b\xca\xc0\xc0\xcc\x9c\x99\x5a\x17\xcd\x90\x7d\x37\xb8\xe1\xd2\xfd\x1c\x05"
      "\x00",
      24);
  const Answer whole =
      ask(head + chunk("IDAT", data + "\x40\x6a\x07\x59") + chunk("IEND", "")).first;
  CHECK(whole.code + whole.notes == "");
  for (const char* part : {"", "\x40", "\x40\x6a", "\x40\x6a\x07"}) {
    const auto [e, f] = ask(head + chunk("IDAT", data + part) + chunk("IEND", ""));
    CHECK(e.code + f.code == "");
    CHECK(e.notes == ": The checksum of its data is missing.");
    CHECK(e.notes == f.notes);
    CHECK(difference(e.picture.image, whole.picture.image) == 0);
    CHECK(difference(f.picture.image, whole.picture.image) == 0);
  }

  // A transparent colour of more bits than the samples have, which libpng masks.
  const auto clear = [&](const std::string& colour) {
    return ask(png(4, 1, 4, 0, "\0\x12\x34"s, chunk("tRNS", colour)));
  };
  const auto [right, same] = clear("\0\3"s);
  CHECK(right.notes + same.notes == "");
  const auto [masked, also] = clear("\x71\x83");
  CHECK(masked.notes.find("more bits") != std::string::npos);
  CHECK(masked.notes == also.notes);
  CHECK(masked.picture.image.pixels == right.picture.image.pixels);
  CHECK(also.picture.image.pixels == right.picture.image.pixels);
}

TEST_CASE("PNG of every colour type and depth comes out the same by both ways") {
  using namespace eqsr_test;
  const std::string depths[] = {"\1\2\4\x08\x10", "", "\x08\x10", "\1\2\4\x08",
                                "\x08\x10",       "", "\x08\x10"};
  const unsigned channels[] = {1, 0, 3, 1, 2, 0, 4};
  unsigned seed = 1;
  for (unsigned colour = 0; colour < 7; ++colour)
    for (const char bits : depths[colour])
      for (const bool clear : {false, true}) {
        constexpr unsigned width = 13, height = 5;
        const std::size_t row = (width * channels[colour] * unsigned(bits) + 7) / 8;
        std::string rows;
        for (unsigned y = 0; y < height; ++y) {
          rows += '\0';
          for (std::size_t i = 0; i < row; ++i)
            rows += static_cast<char>((seed = seed * 1103515245U + 12345U) >> 16U);
        }
        std::string palette(3 * 256, '\0'), extra;
        for (std::size_t i = 0; i < palette.size(); ++i) palette[i] = static_cast<char>(i * 7);
        if (colour == 3) extra = chunk("PLTE", palette.substr(0, 3U << unsigned(bits)));
        if (clear && colour == 3) extra += chunk("tRNS", "\0\x80"s);
        if (clear && (colour == 0 || colour == 2))
          extra += chunk("tRNS", std::string(2 * channels[colour], '\0'));
        const File file(png(width, height, bits, static_cast<char>(colour), rows, extra));
        INFO(colour, " ", int(bits), " ", clear);
        const Answer a = here(file.path), b = tools(file.path);
        CHECK(a.code + a.notes + b.code + b.notes == "");
        CHECK(a.picture.image.channels == b.picture.image.channels);
        CHECK(difference(a.picture.image, b.picture.image) == 0);
      }
}

TEST_CASE("the size is told, and compared, before a row is decoded") {
  struct Refused {};
  for (const char* name : {"samplings/422.jpg", "samplings/progressive.jpg", "inputs/la.png"})
    for (const Read read : {Read(eqsr::read_picture), Read(tool::read_picture)}) {
      eqsr::ReadOptions options;
      std::size_t bytes = 0;
      options.on_size = [&](const eqsr::PictureSize& size) {
        bytes = size.bytes;
        throw Refused{};
      };
      const std::string path = (folder / name).string();
      CHECK_THROWS_AS((void)read(path, options), Refused);
      options.on_size = nullptr;
      options.max_memory = bytes;
      CHECK_NOTHROW((void)read(path, options));
      options.max_memory = bytes - 1;
      try {
        (void)read(path, options);
        FAIL("no error");
      } catch (const eqsr::Error& error) {
        CHECK(error.code() == "memory_budget");
      }
    }
  CHECK(tool::picture_size((folder / "samplings/422.jpg").string())->width == 17);
  CHECK_FALSE(tool::picture_size((folder / "make.py").string()).has_value());
  // A header behind much else, and nothing behind the header.
  std::string late = bytes_of(folder / "samplings/422.jpg");
  const std::string comment = "\xff\xfe\xff\xff" + std::string(65533, 'c');
  late.insert(2, comment + comment);
  CHECK(tool::picture_size(File(late).path)->width == 17);
  late.resize(late.find("\xff\xda"));
  CHECK(tool::picture_size(File(late).path)->width == 17);
}

TEST_CASE("WebP: there and back, cut, damaged, animated") {
  eqsr::Image image = eqsr::blank_image(6, 9, 4);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<float>(i * 37 % 256) / 255.0F;
  eqsr::ImageMetadata metadata;
  metadata.exif = "II*\0\x08\0\0\0\0\0"s;
  metadata.icc_profile = std::string(200, 'p');
  metadata.icc_profile.replace(16, 4, "RGB ").replace(36, 4, "acsp");
#if EQSR_HAS_WEBP
  const std::string whole = tool::encode_webp(image, {}, metadata);
  const auto read = [](const std::string& bytes) { return tools(File(bytes).path); };
  const Answer back = read(whole);
  CHECK(back.code + back.notes == "");
  CHECK(back.picture.image.channels == 4);
  CHECK(difference(back.picture.image, image) < 1e-4);  // also where it is transparent
  CHECK(back.picture.metadata.exif == metadata.exif);
  CHECK(back.picture.metadata.icc_profile == metadata.icc_profile);
  CHECK(here(File(whole).path).code == "image_unsupported");
  for (std::size_t size = 12; size < whole.size(); ++size)
    CHECK(read(whole.substr(0, size)).code == "image_truncated");
  CHECK(read(whole + "tail").notes.find("4 bytes behind its end") != std::string::npos);
  for (std::size_t at = 12; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    const Answer found = read(damaged);
    CHECK((found.code.empty() || found.code.starts_with("image_")));
  }
  const eqsr::Image grey{1, 2, 1, {0.2F, 0.6F}}, rgb{1, 2, 3, {0.2F, 0.2F, 0.2F, 0.6F, 0.6F, 0.6F}};
  CHECK(difference(read(tool::encode_webp(grey, {}, {})).picture.image, rgb) < 1e-4);
  CHECK(tool::encode_webp(image, 10, {}).find("VP8 ") != std::string::npos);
  CHECK(tool::encode_webp(image, {}, {}).find("VP8L") != std::string::npos);

  const std::string one = tool::encode_webp(image, {}, {});
  std::string frames[] = {one, tool::encode_webp(eqsr::blank_image(6, 9, 4), {}, {})};
  WebPAnimEncoderOptions options;
  REQUIRE(WebPAnimEncoderOptionsInit(&options) != 0);
  const std::unique_ptr<WebPMux, void (*)(WebPMux*)> mux(WebPMuxNew(), WebPMuxDelete);
  for (std::string& frame : frames) {
    WebPMuxFrameInfo info{};
    info.bitstream = {reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size()};
    info.duration = 100;
    info.id = WEBP_CHUNK_ANMF;
    REQUIRE(WebPMuxPushFrame(mux.get(), &info, 1) == WEBP_MUX_OK);
  }
  WebPMuxAnimParams params{};
  REQUIRE(WebPMuxSetAnimationParams(mux.get(), &params) == WEBP_MUX_OK);
  WebPData data{};
  REQUIRE(WebPMuxAssemble(mux.get(), &data) == WEBP_MUX_OK);
  const std::string animated(reinterpret_cast<const char*>(data.bytes), data.size);
  WebPDataClear(&data);
  const Answer moving = read(animated);
  CHECK(moving.notes.find("animated") != std::string::npos);
  CHECK(difference(moving.picture.image, image) < 1e-4);
#else
  CHECK_THROWS_WITH((void)tool::encode_webp(image, {}, metadata), doctest::Contains("libwebp-dev"));
  const File file("RIFF\x0c\0\0\0WEBPVP8 \0\0\0\0"s);
  CHECK_THROWS_WITH((void)tool::read_picture(file.path.string()), doctest::Contains("libwebp-dev"));
#endif
}
