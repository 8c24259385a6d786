// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "metrics.hpp"
#include "resample.hpp"

/// How the field's families of test scripts make inputs and compare results.
namespace tool {

/// A factor for each axis; `text` is how it was written.
struct Scale {
  double y = 0, x = 0;
  std::string text{};

  /// 2, 3 and 4 on both axes: the factors that published test data exist for.
  [[nodiscard]] bool published() const { return y == x && (y == 2 || y == 3 || y == 4); }
};

struct Protocol {
  std::string name;
  bool rounds = true;            ///< results are rounded to bytes before they are compared
  std::optional<Filter> filter;  ///< none: MATLAB's for published factors, Pillow's for others
  int added_border = 0;          ///< to the factor, which is the border (rounded up)
  bool eqsr_border = false;      ///< 4 pixels, 6 at a factor of 6, 10 at a factor of 8
  std::string_view text;

  [[nodiscard]] Filter filter_for(const Scale& scale) const {
    return filter.value_or(scale.published() ? Filter::matlab : Filter::pillow);
  }
  [[nodiscard]] Border border_for(const Scale& scale) const {
    const auto one = [&](double factor) {
      if (eqsr_border) return factor == 6 ? 6 : factor == 8 ? 10 : 4;
      return int(std::ceil(factor - 1e-9)) + added_border;
    };
    return {one(scale.y), one(scale.x)};
  }
};

inline const std::vector<Protocol>& protocols() {
  static const std::vector<Protocol> all = {
      {"basicsr", true, Filter::matlab, 0, false,
       "BasicSR, SwinIR, HAT and the MATLAB scripts before them: bytes, border = scale"},
      {"eqsr", true, {}, 0, true, "EQSR's released test files: bytes, border 4, 6 at x6, 10 at x8"},
      {"liif",
       false,
       {},
       0,
       false,
       "LIIF and its family on benchmarks: not rounded, border = scale"},
      {"liif-div2k",
       false,
       {},
       6,
       false,
       "LIIF on DIV2K (read its RGB column): border = scale + 6"},
  };
  return all;
}

/// One test case of a picture: what the network sees, and what its result is compared with.
struct Case {
  Bytes truth, low;
};

/// n / scale pixels, rounded down: the size of an input.
inline int low_extent(int n, double scale) { return int(std::floor(n / scale + 1e-9)); }

/// The truth is the top left part of `picture` whose size is the input's times the scale, ties to
/// even; the input is that part reduced.
inline Case make_case(const Bytes& picture, const Scale& scale, Filter filter) {
  const int h = low_extent(picture.height, scale.y), w = low_extent(picture.width, scale.x);
  EQSR_EXPECTS(h >= 1 && w >= 1, "bad_argument", "a picture of ", picture.width, " x ",
               picture.height, " pixels is too small for the scale ", scale.text,
               ". Leave this scale or this picture out.");
  const auto truth = [](int low, double factor, int most) {
    return std::min(most, std::max(1, int(std::nearbyint(low * factor))));
  };
  Case made{cropped(picture, truth(h, scale.y, picture.height), truth(w, scale.x, picture.width)),
            {}};
  made.low = resample(made.truth, h, w, filter);
  return made;
}

/// Refuses a truth of which too little is left for SSIM's window.
inline void expect_room(const Case& made, Border border, const Scale& scale) {
  EQSR_EXPECTS(made.truth.height - 2 * border.y >= ssim_window &&
                   made.truth.width - 2 * border.x >= ssim_window,
               "bad_argument", "at the scale ", scale.text, " only ",
               made.truth.width - 2 * border.x, " x ", made.truth.height - 2 * border.y,
               " pixels are left inside the border; SSIM needs ", ssim_window, " x ", ssim_window,
               ". Leave this scale or this picture out.");
}

}  // namespace tool
