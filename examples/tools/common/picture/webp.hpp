// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/pixel_view.hpp>
#include <eqsr/io/picture/read.hpp>
#include <eqsr/io/picture/write.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libraries.hpp"
#if EQSR_HAS_WEBP
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>
#endif

/// WebP in and out, by libwebp. Programs that were built without it say so.
namespace tool {

inline constexpr bool has_webp = EQSR_HAS_WEBP != 0;
inline constexpr std::string_view no_webp =
    "This program was built without libwebp. Install it (Debian: apt install libwebp-dev) and "
    "build again, or use PNG.";

#if EQSR_HAS_WEBP

/// The parts of a WebP file: what is known before it is decoded.
class WebpParts final : public eqsr::PictureDecoder {
 public:
  WebpParts(std::string_view bytes, const std::string& name)
      : errors_(name, bytes.size()), bytes_(bytes) {
    std::size_t announced = 0;
    for (std::size_t i = 0; i < 4; ++i)
      announced |= std::size_t{static_cast<unsigned char>(bytes[4 + i])} << (8 * i);
    announced += 8 + announced % 2;
    if (bytes.size() + announced % 2 < announced) errors_.truncated();
    if (bytes.size() > announced) rest_ = bytes.size() - announced;
    const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size() - rest_};
    parts_.reset(WebPDemux(&data));
    if (parts_ == nullptr) errors_.corrupt({"its parts do not fit each other"});
    frames_ = WebPDemuxGetI(parts_.get(), WEBP_FF_FRAME_COUNT);
    const unsigned flags = WebPDemuxGetI(parts_.get(), WEBP_FF_FORMAT_FLAGS);
    header_.width = WebPDemuxGetI(parts_.get(), WEBP_FF_CANVAS_WIDTH);
    header_.height = WebPDemuxGetI(parts_.get(), WEBP_FF_CANVAS_HEIGHT);
    header_.alpha = (flags & ALPHA_FLAG) != 0;
    if (frames_ == 0) errors_.corrupt({"it has no picture"});
    WebPBitstreamFeatures features{};
    const std::string_view still = frame();
    if (frames_ == 1 && (flags & ANIMATION_FLAG) == 0 &&
        WebPGetFeatures(reinterpret_cast<const std::uint8_t*>(still.data()), still.size(),
                        &features) == VP8_STATUS_OK)
      header_.alpha = features.has_alpha != 0;
    animated_ = (flags & ANIMATION_FLAG) != 0;
    header_.channels = header_.alpha ? 4 : 3;
    if ((flags & ICCP_FLAG) != 0) header_.icc_parts = {chunk("ICCP")};
    if ((flags & EXIF_FLAG) != 0) header_.exif = chunk("EXIF");
  }

  /// What is known before anything is decoded, with notes about what is left out.
  [[nodiscard]] eqsr::PictureHeader header() const {
    eqsr::PictureHeader header = header_;
    if (animated_ && frames_ > 1)
      header.notes.emplace_back("It is animated; only its first picture is read.");
    if (rest_ > 0) header.notes.push_back(eqsr::say(rest_, " bytes behind its end are ignored."));
    return header;
  }

  /// The samples, and what libwebp decodes with (an animation: the canvas twice).
  [[nodiscard]] std::size_t memory(const eqsr::PictureHeader& header, int) const override {
    const auto pixels = eqsr::saturated_product(std::size_t{header.width}, header.height);
    return eqsr::saturated_sum(eqsr::saturated_product(pixels, 16), std::size_t{1} << 20);
  }
  [[nodiscard]] eqsr::Image decode(const eqsr::CheckedPicture& picture) const override {
    const std::vector<std::uint8_t> samples = decode(static_cast<std::size_t>(picture.channels));
    return eqsr::to_image(
        eqsr::ConstPixels(samples.data(), {.height = static_cast<int>(header_.height),
                                           .width = static_cast<int>(header_.width),
                                           .channels = picture.channels}));
  }

 private:
  /// The first picture, with `channels` of 8 bits a pixel.
  [[nodiscard]] std::vector<std::uint8_t> decode(std::size_t channels) const {
    std::vector<std::uint8_t> out(std::size_t{header_.width} * header_.height * channels);
    if (animated_) {
      decode_canvas(out, channels);
      return out;
    }
    WebPDecoderConfig config;
    expect(WebPInitDecoderConfig(&config) != 0 ? VP8_STATUS_OK : VP8_STATUS_INVALID_PARAM);
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = {out.data(), static_cast<int>(header_.width * channels), out.size()};
    const std::string_view still = frame();
    expect(WebPDecode(reinterpret_cast<const std::uint8_t*>(still.data()), still.size(), &config));
    return out;
  }

  struct Release {
    void operator()(WebPDemuxer* parts) const { WebPDemuxDelete(parts); }
    void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
  };

  void expect(VP8StatusCode status) const {
    if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
    if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED) errors_.truncated();
    if (status != VP8_STATUS_OK) errors_.corrupt({"its data cannot be decoded"});
  }

  /// The data of the first frame.
  [[nodiscard]] std::string_view frame() const {
    WebPIterator first{};
    if (WebPDemuxGetFrame(parts_.get(), 1, &first) == 0) errors_.corrupt({"it has no picture"});
    const bool complete = first.complete != 0;
    const std::string_view data(reinterpret_cast<const char*>(first.fragment.bytes),
                                first.fragment.size);
    WebPDemuxReleaseIterator(&first);
    if (!complete) errors_.truncated();
    return data;
  }

  [[nodiscard]] std::string_view chunk(const char* kind) const {
    WebPChunkIterator found{};
    if (WebPDemuxGetChunk(parts_.get(), kind, 1, &found) == 0) return {};
    const std::string_view data(reinterpret_cast<const char*>(found.chunk.bytes), found.chunk.size);
    WebPDemuxReleaseChunkIterator(&found);
    return data;
  }

  /// The first frame of an animation, at its place on the canvas.
  void decode_canvas(std::vector<std::uint8_t>& out, std::size_t channels) const {
    const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes_.data()),
                        bytes_.size() - rest_};
    const std::unique_ptr<WebPAnimDecoder, Release> decoder(WebPAnimDecoderNew(&data, nullptr));
    std::uint8_t* canvas = nullptr;
    int time = 0;
    if (decoder == nullptr) throw std::bad_alloc();
    if (WebPAnimDecoderGetNext(decoder.get(), &canvas, &time) == 0)
      errors_.corrupt({"its first frame cannot be decoded"});
    for (std::size_t i = 0; i < out.size() / channels; ++i)
      std::memcpy(&out[channels * i], canvas + 4 * i, channels);
  }

  eqsr::PictureErrors errors_;
  std::string_view bytes_;
  std::size_t rest_ = 0;  // bytes behind the end
  std::unique_ptr<WebPDemuxer, Release> parts_;
  eqsr::PictureHeader header_;
  std::uint32_t frames_ = 0;
  bool animated_ = false;
};

inline eqsr::Picture decoded_webp(std::string_view bytes, const eqsr::ReadOptions& options,
                                  const std::string& name) {
  const WebpParts parts(bytes, name);
  eqsr::ReadOptions own = options;
  own.decoder = &parts;
  return eqsr::decode_picture(bytes, parts.header(), own, name);
}

/// A WebP of RGB or RGB and alpha; without a quality nothing is lost. Grey is replicated: WebP has
/// no other.
inline std::string encode_webp(const eqsr::Image& image, std::optional<int> quality,
                               const eqsr::ImageMetadata& metadata) {
  const auto expect = [](bool good, const char* what) {
    EQSR_EXPECTS(good, "out_of_memory", "The picture cannot be encoded as WebP: ", what,
                 ". Choose a smaller size, or PNG.");
  };
  struct Free {
    void operator()(WebPMux* mux) const { WebPMuxDelete(mux); }
  };
  struct Raw {
    WebPPicture picture{};
    WebPMemoryWriter writer{};
    WebPData data{};
    Raw() { WebPMemoryWriterInit(&writer); }
    Raw(const Raw&) = delete;
    Raw& operator=(const Raw&) = delete;
    ~Raw() {
      WebPPictureFree(&picture);
      WebPMemoryWriterClear(&writer);
      WebPDataClear(&data);
    }
  } raw;
  WebPConfig config;
  expect(WebPConfigInit(&config) != 0 && WebPPictureInit(&raw.picture) != 0, "libwebp differs");
  if (quality) {
    config.quality = static_cast<float>(*quality);
  } else {
    expect(WebPConfigLosslessPreset(&config, 4) != 0, "libwebp differs");
    config.exact = 1;  // the colours of transparent pixels too
  }
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t pixels = image.pixels.size() / channels;
  raw.picture.use_argb = 1;
  raw.picture.width = image.width;
  raw.picture.height = image.height;
  expect(WebPPictureAlloc(&raw.picture) != 0, "there is not enough memory");
  std::vector<std::uint8_t> samples(channels * static_cast<std::size_t>(image.width));
  for (int y = 0; y < image.height; ++y) {
    eqsr::to_samples(image.pixels.data() + static_cast<std::size_t>(y) * samples.size(),
                     samples.size(), samples.data());
    std::uint32_t* row = raw.picture.argb + static_cast<std::size_t>(y) *
                                                static_cast<std::size_t>(raw.picture.argb_stride);
    for (std::size_t x = 0; x < pixels / static_cast<std::size_t>(image.height); ++x) {
      const std::uint8_t* pixel = &samples[channels * x];
      const bool grey = channels <= 2, alpha = channels % 2 == 0;
      const std::uint32_t opacity = alpha ? pixel[channels - 1] : 255;
      row[x] = opacity << 24U | std::uint32_t{pixel[0]} << 16U |
               std::uint32_t{pixel[grey ? 0 : 1]} << 8U | pixel[grey ? 0 : 2];
    }
  }
  raw.picture.writer = WebPMemoryWrite;
  raw.picture.custom_ptr = &raw.writer;
  expect(WebPEncode(&config, &raw.picture) != 0, "libwebp reports an error");
  const std::string bytes(reinterpret_cast<const char*>(raw.writer.mem), raw.writer.size);
  if (metadata.icc_profile.empty() && metadata.exif.empty()) return bytes;

  const std::unique_ptr<WebPMux, Free> mux(WebPMuxNew());
  const auto data = [](const std::string& text) {
    return WebPData{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  };
  const WebPData still = data(bytes), profile = data(metadata.icc_profile),
                 exif = data(metadata.exif);
  expect(mux != nullptr && WebPMuxSetImage(mux.get(), &still, 0) == WEBP_MUX_OK, "no memory");
  if (profile.size > 0)
    expect(WebPMuxSetChunk(mux.get(), "ICCP", &profile, 0) == WEBP_MUX_OK, "no memory");
  if (exif.size > 0)
    expect(WebPMuxSetChunk(mux.get(), "EXIF", &exif, 0) == WEBP_MUX_OK, "no memory");
  expect(WebPMuxAssemble(mux.get(), &raw.data) == WEBP_MUX_OK, "no memory");
  return {reinterpret_cast<const char*>(raw.data.bytes), raw.data.size};
}

#else

[[noreturn]] inline eqsr::Picture decoded_webp(std::string_view, const eqsr::ReadOptions&,
                                               const std::string& name) {
  throw eqsr::Error("image_unsupported", name + ": This is a WebP. " + std::string(no_webp));
}
[[noreturn]] inline std::string encode_webp(const eqsr::Image&, std::optional<int>,
                                            const eqsr::ImageMetadata&) {
  throw eqsr::Error("unknown_format", std::string(no_webp));
}

#endif

}  // namespace tool
