// SPDX-License-Identifier: Apache-2.0
// The walk through a PNG, against a second reading of the PNG standard in plain words: what it says
// about headers, chunks and their order, and an encoder of its own for rows, filters and passes.
#include "png_answers.hpp"

#include <doctest/doctest.h>

#include <eqsr/io/image.hpp>

#include <random>

using namespace eqsr_test;

namespace {

/// Samples of a picture, `channels` a pixel, and how they become rows.
struct Samples {
  unsigned width, height, bits, channels;
  std::vector<unsigned> values;

  /// The bytes of the pixels of row `y` that `keep` takes, the bits behind the last one set.
  template <class Keep>
  [[nodiscard]] std::string packed(unsigned y, Keep&& keep) const {
    std::string bytes;
    unsigned used = 0, byte = 0;
    const auto put = [&](bool bit) {
      byte = byte << 1U | (bit ? 1U : 0U);
      if (++used % 8 == 0) bytes += static_cast<char>(byte & 255U);
    };
    for (unsigned x = 0; x < width; ++x)
      for (unsigned c = 0; c < channels && keep(x); ++c)
        for (unsigned bit = bits; bit-- > 0;)
          put((values[(y * width + x) * channels + c] >> bit & 1U) != 0);
    while (used % 8 != 0) put(true);
    return bytes;
  }
};

/// A row after filter 0 to 4 (section 9 of the standard), with the filter's number in front.
std::string filtered(unsigned filter, const std::string& row, const std::string& above,
                     std::size_t step) {
  std::string out(1, static_cast<char>(filter));
  const auto at = [](const std::string& bytes, std::size_t i) -> int {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;  // i may have wrapped
  };
  for (std::size_t i = 0; i < row.size(); ++i) {
    const int a = at(row, i - step), b = at(above, i), c = at(above, i - step);
    int nearest = a;
    for (const int other : {b, c})
      if (std::abs(a + b - c - other) < std::abs(a + b - c - nearest)) nearest = other;
    const int predicted[] = {0, a, b, (a + b) / 2, nearest};
    out += static_cast<char>(at(row, i) - predicted[filter]);
  }
  return out;
}

/// All rows, or those of the seven passes of Adam7, each with the next filter.
std::string rows_of(const Samples& picture, bool interlaced) {
  constexpr const char* adam7[] = {"16462646", "77777777", "56565656", "77777777",
                                   "36463646", "77777777", "56565656", "77777777"};
  const std::size_t step = std::max(1U, picture.bits * picture.channels / 8);
  std::string out;
  unsigned filter = 0;
  for (char pass = '1'; pass <= (interlaced ? '7' : '1'); ++pass) {
    std::string above;
    for (unsigned y = 0; y < picture.height; ++y) {
      const std::string row =
          picture.packed(y, [&](unsigned x) { return !interlaced || adam7[y % 8][x % 8] == pass; });
      if (row.empty()) continue;
      out += filtered(filter, row, above, step);
      filter = (filter + 1) % 5;
      above = row;
    }
  }
  return out;
}

Samples random_samples(unsigned width, unsigned height, unsigned bits, unsigned channels,
                       unsigned most) {
  Samples made{width, height, bits, channels, {}};
  std::mt19937 random(width * 31 + height * 7 + bits);
  for (unsigned i = 0; i < width * height * channels; ++i)
    made.values.push_back(static_cast<unsigned>(random() % (most + 1)));
  return made;
}

std::string with_header(const std::string& body) {
  return signature + chunk("IHDR", body) + chunk("IDAT", stored("\0\x33"s)) + chunk("IEND", "");
}

}  // namespace

TEST_CASE("every colour type and depth of the standard is read, and no other") {
  const std::string depths[] = {"\1\2\4\x08\x10", "", "\x08\x10", "\1\2\4\x08",
                                "\x08\x10",       "", "\x08\x10"};
  const unsigned channels[] = {1, 1, 3, 1, 2, 1, 4, 1, 1};
  for (unsigned colour = 0; colour < 9; ++colour) {
    for (unsigned bits = 0; bits < 34; ++bits) {
      INFO(colour, " ", bits);
      const std::string rows(1 + (bits * channels[colour] + 7) / 8, '\0');
      const std::string file = png(1, 1, static_cast<char>(bits), static_cast<char>(colour), rows,
                                   colour == 3 ? colours(1) : "");
      const bool legal =
          colour < 7 && depths[colour].find(static_cast<char>(bits)) != std::string::npos;
      CHECK(code_of(file) == (legal ? "none" : "image_corrupt"));
      if (!legal) continue;
      const eqsr::Picture picture = eqsr::decode_picture(file);
      CHECK(picture.image.channels == (colour >= 4 ? 4 : 3));
      CHECK(picture.grey == (colour == 0 || colour == 4));
      CHECK(picture.bits == (bits == 16 ? 16 : 8));
    }
  }
}

TEST_CASE("headers that are none") {
  const std::string sizes = big32(1) + big32(1);
  CHECK(code_of(with_header(sizes + "\x08\0\0\0\0"s)) == "none");
  CHECK(code_of(with_header(sizes + "\x08\0\0\0"s)) == "image_corrupt");
  CHECK(code_of(with_header(sizes + "\x08\0\0\0\0\0"s)) == "image_corrupt");
  CHECK(code_of(with_header(sizes + "\x08\0\1\0\0"s)) == "image_corrupt");
  CHECK(code_of(with_header(sizes + "\x08\0\0\1\0"s)) == "image_corrupt");
  CHECK(code_of(with_header(sizes + "\x08\0\0\0\1"s)) == "none");
  CHECK(code_of(with_header(sizes + "\x08\0\0\0\2"s)) == "image_corrupt");
  for (const unsigned size : {0U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    CHECK(code_of(with_header(big32(size) + big32(1) + "\x08\0\0\0\0"s)) == "image_limit");
    CHECK(code_of(with_header(big32(1) + big32(size) + "\x08\0\0\0\0"s)) == "image_limit");
  }
  // Eight bytes for each of these pixels are few if they are counted in 32 bits.
  const std::string many = with_header(big32(65535) + big32(32769) + "\x10\6\0\0\0"s);
  eqsr::ReadOptions any;
  any.max_pixels = SIZE_MAX;
  CHECK_THROWS_WITH_AS((void)eqsr::decode_picture(many, any), doctest::Contains("2 GiB of samples"),
                       eqsr::Error);
  const std::string wide = png(65536, 1, 1, 0, std::string(8193, '\0'));
  CHECK_THROWS_WITH_AS((void)eqsr::decode_picture(wide), doctest::Contains("65535 a side"),
                       eqsr::Error);
  CHECK(code_of(signature + chunk("tEXt", "") + grey + data + end) == "image_corrupt");
  CHECK(code_of(signature + grey + grey + data + end) == "image_corrupt");
  CHECK(code_of(signature + grey + chunk("CgBI", "") + data + end) == "image_unsupported");
}

TEST_CASE("a decoder of the program's own gets what is whole, and the library does the rest") {
  struct Constant : eqsr::PictureDecoder {
    std::size_t memory(const eqsr::PictureHeader& header, int) const override {
      return 1000000 * std::size_t{header.width};
    }
    eqsr::Image decode(const eqsr::CheckedPicture& picture) const override {
      calls++;
      if (fault == 1) throw std::bad_alloc();
      if (fault == 2) picture.errors.corrupt({"by itself"});
      picture.note("It is constant.");
      eqsr::Image image = eqsr::blank_image(int(picture.header.height), int(picture.header.width));
      image.pixels.assign(image.pixels.size(), 0.5f);
      return image;
    }
    int fault = 0;
    mutable int calls = 0;
  } decoder;
  std::string notes;
  std::size_t bytes = 0;
  eqsr::ReadOptions options;
  options.decoder = &decoder;
  options.on_note = [&](const std::string& note) { notes += note; };
  options.on_size = [&](const eqsr::PictureSize& size) { bytes = size.bytes; };
  const std::string file = png(2, 1, 8, 0, std::string(3, '\0'));
  CHECK(eqsr::decode_picture(file, options, "it").image.pixels == std::vector<float>(6, 0.5f));
  CHECK(notes == "it: It is constant.");
  CHECK(bytes == 2000000 + 6 * sizeof(float));
  decoder.fault = 1;
  CHECK_THROWS_WITH_AS((void)eqsr::decode_picture(file, options), doctest::Contains("memory"),
                       eqsr::Error);
  decoder.fault = 2;
  CHECK_THROWS_WITH_AS((void)eqsr::decode_picture(file, options, "it"),
                       doctest::Contains("it: The picture is damaged: by itself"), eqsr::Error);
  const int calls = decoder.calls;
  CHECK_THROWS_AS((void)eqsr::decode_picture(file.substr(0, 41), options), eqsr::Error);
  options.max_memory = 1000000;
  CHECK_THROWS_WITH_AS((void)eqsr::decode_picture(file, options), doctest::Contains("2000024"),
                       eqsr::Error);
  CHECK(decoder.calls == calls);  // neither reached it
}

TEST_CASE("filters and passes of a picture of any size, colour and depth") {
  for (const bool interlaced : {false, true}) {
    for (unsigned size = 0; size <= 81; ++size) {  // 9 x 9 small ones, and one of several tiles
      const unsigned width = size < 81 ? 1 + size % 9 : 41, height = size < 81 ? 1 + size / 9 : 29;
      const char flag = interlaced ? 1 : 0;
      for (const unsigned bits : {1U, 2U, 4U, 8U}) {
        // The last pixel alone has the highest of the colour numbers that are in use.
        const unsigned most = bits == 1 ? 1 : (1U << bits) * 2 / 3;
        Samples indices = random_samples(width, height, bits, 1, most - 1);
        indices.values.back() = most;
        INFO(width, " x ", height, ", ", bits, " bits, ", interlaced);
        const auto file = [&](unsigned count) {
          return png(width, height, static_cast<char>(bits), 3, rows_of(indices, interlaced),
                     colours(count), flag);
        };
        REQUIRE(code_of(file(most)) == "image_corrupt");  // one colour too few
        const eqsr::Image image = eqsr::decode_image(file(most + 1));
        for (unsigned i = 0; i < width * height * 3; ++i) {
          const unsigned factors[] = {3, 5, 7};
          const unsigned byte = indices.values[i / 3] * factors[i % 3] & 255U;
          REQUIRE(image.pixels[i] == static_cast<float>(byte) / 255.0F);
        }
      }
      struct Kind {
        unsigned colour, bits, channels;
      };
      for (const Kind& kind : {Kind{0, 1, 1}, {0, 4, 1}, {2, 8, 3}, {6, 16, 4}}) {
        const unsigned colour = kind.colour, bits = kind.bits, channels = kind.channels;
        const unsigned most = (1U << bits) - 1;
        const Samples samples = random_samples(width, height, bits, channels, most);
        INFO(width, " x ", height, ", colour ", colour, ", ", bits, " bits, ", interlaced);
        const std::string rows = rows_of(samples, interlaced);
        const auto file = [&](const std::string& all) {
          return png(width, height, static_cast<char>(bits), static_cast<char>(colour), all, "",
                     flag);
        };
        REQUIRE(code_of(file(rows.substr(1))) == "image_truncated");
        REQUIRE(code_of(file(rows + "x")) == "image_limit");
        const eqsr::Image image = eqsr::decode_picture(file(rows)).image;
        for (std::size_t i = 0; i < image.pixels.size(); ++i) {
          const unsigned sample = samples.values[channels == 1 ? i / 3 : i];
          REQUIRE(image.pixels[i] ==
                  doctest::Approx(static_cast<double>(sample) / most).epsilon(1e-6));
        }
      }
    }
  }
}

TEST_CASE("rows that no filter explains, and data that are none") {
  CHECK(code_of(png(1, 1, 8, 0, "\4\0"s)) == "none");
  CHECK(code_of(png(1, 1, 8, 0, "\5\0"s)) == "image_corrupt");
  CHECK(code_of(png(1, 2, 8, 0, "\0\0\5\0"s)) == "image_corrupt");
  CHECK(code_of(signature + grey + chunk("IDAT", "\x78\x01\x03\0\0"s) + end) == "image_truncated");
  CHECK(code_of(signature + grey + chunk("IDAT", "\x78\x01\x03\0\0\0"s) + end) != "none");
  CHECK(code_of(signature + grey + chunk("IDAT", "xxxxxx") + end) == "image_corrupt");
  std::string wrong_sum = stored("\0\0"s);
  for (std::size_t i = 1; i <= 4; ++i) {
    std::string changed = wrong_sum;
    changed[changed.size() - i] = static_cast<char>(changed[changed.size() - i] ^ 1);
    CHECK(code_of(signature + grey + chunk("IDAT", changed) + end) == "image_corrupt");
  }
  // Rows of more than 2 GiB are refused before anything is allocated.
  const std::string large = signature + ihdr(40000, 40000, 8, 2) + data + end;
  eqsr::detail::PngWalk walk(large, "large");
  (void)walk.read();
  std::string essence = walk.essence();
  CHECK_THROWS_WITH_AS((void)walk.check_rows(essence), doctest::Contains("too large"), eqsr::Error);
}

TEST_CASE("the checksum of zlib streams, against its definition") {
  std::string bytes(1 << 20, '\xff');
  for (std::size_t i = 0; i < bytes.size() / 2; ++i) bytes[i] = static_cast<char>(i * i >> 3U);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{5552},
                                 std::size_t{5553}, std::size_t{11105}, bytes.size()}) {
    std::uint32_t a = 1, b = 0;
    for (std::size_t i = 0; i < size; ++i) {
      a = (a + static_cast<unsigned char>(bytes[i])) % 65521;
      b = (b + a) % 65521;
    }
    CHECK(eqsr::detail::adler32(reinterpret_cast<const unsigned char*>(bytes.data()), size) ==
          (b << 16U | a));
  }
}
