// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "report.hpp"

/// PSNR against scale: a drawing, and how fast and how smoothly quality falls.
namespace tool {

struct Curve {
  std::string name;
  std::vector<double> scale{}, psnr{};

  /// How much PSNR falls for each doubling of the scale: the slope over log2(scale) that fits
  /// best in least squares, negated.
  [[nodiscard]] double degradation_rate() const {
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (std::size_t i = 0; i < scale.size(); ++i) {
      const double x = std::log2(scale[i]);
      n += 1;
      sx += x;
      sy += psnr[i];
      sxx += x * x;
      sxy += x * psnr[i];
    }
    const double spread = n * sxx - sx * sx;
    return spread > 0 ? -(n * sxy - sx * sy) / spread : 0;
  }
  /// The largest distance of a point from the line between its two neighbours, in dB.
  [[nodiscard]] double roughness() const {
    double most = 0;
    for (std::size_t i = 1; i + 1 < scale.size(); ++i) {
      const double part = (scale[i] - scale[i - 1]) / (scale[i + 1] - scale[i - 1]);
      most = std::max(most, std::abs(psnr[i] - (1 - part) * psnr[i - 1] - part * psnr[i + 1]));
    }
    return most;
  }
};

/// The curves of one set in a report, over the factor across; picture-equal results are left out.
inline std::vector<Curve> curves_of(const Report& report, const std::string& set) {
  std::vector<Curve> curves;
  for (const Row& row : report.rows) {
    const double psnr = row.mean().psnr_y;
    if (row.set != set || !std::isfinite(psnr)) continue;
    auto at = std::find_if(curves.begin(), curves.end(),
                           [&](const Curve& curve) { return curve.name == row.method; });
    if (at == curves.end()) at = curves.insert(curves.end(), Curve{row.method});
    at->scale.push_back(std::stod(row.scale));
    at->psnr.push_back(psnr);
  }
  return curves;
}

inline std::string sentence(const Trend& trend) {
  return trend.set + ", " + trend.method + ": PSNR Y falls by " + fixed(trend.degradation_rate, 2) +
         " dB for each doubling of the scale; no point is more than " + fixed(trend.roughness, 2) +
         " dB off its neighbours' line";
}

/// `&`, `<` and `>` of foreign names.
inline std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

/// One panel a set, below one another.
inline std::string draw(const std::vector<std::pair<std::string, std::vector<Curve>>>& panels) {
  constexpr double width = 640, height = 320, left = 50, right = 20, top = 30, bottom = 40;
  const auto number = [](double value, int digits = 1) { return fixed(value, digits); };
  const auto text = [&](double x, double y, const std::string& anchor, const std::string& what,
                        const std::string& colour = "#444") {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor +
           "\" fill=\"" + colour + "\">" + escaped(what) + "</text>\n";
  };
  const std::string colours[] = {"#888888", "#c2571a", "#1f6fb2", "#3a8f3a"};
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 " +
                    number(height * double(panels.size()), 0) +
                    "\" font-family=\"sans-serif\" font-size=\"11\">\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  double offset = 0;
  for (const auto& [set, curves] : panels) {
    double first = 1e9, last = 0, low = 1e9, high = 0;
    for (const Curve& curve : curves)
      for (std::size_t i = 0; i < curve.scale.size(); ++i) {
        first = std::min(first, curve.scale[i]);
        last = std::max(last, curve.scale[i]);
        low = std::min(low, curve.psnr[i]);
        high = std::max(high, curve.psnr[i]);
      }
    low = std::floor(low);
    high = std::max(std::ceil(high), low + 1);
    const auto x = [&](double scale) {
      return left + (width - left - right) * (scale - first) / std::max(last - first, 1e-9);
    };
    const auto y = [&](double psnr) {
      return offset + height - bottom - (height - top - bottom) * (psnr - low) / (high - low);
    };
    const double step = high - low > 12 ? 5 : high - low > 5 ? 2 : 1;
    for (double value = std::ceil(low / step) * step; value <= high; value += step)
      svg += "<line x1=\"" + number(left) + "\" x2=\"" + number(width - right) + "\" y1=\"" +
             number(y(value)) + "\" y2=\"" + number(y(value)) + "\" stroke=\"#ddd\"/>\n" +
             text(left - 6, y(value) + 4, "end", number(value, 0));
    for (double value = std::ceil(first); value <= last; ++value)
      svg += text(x(value), offset + height - bottom + 16, "middle", "x" + number(value, 0));
    for (std::size_t i = 0; i < curves.size(); ++i) {
      const std::string& colour = colours[i % 4];
      svg += "<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"" + colour + "\" points=\"";
      for (std::size_t k = 0; k < curves[i].scale.size(); ++k)
        svg += number(x(curves[i].scale[k])) + "," + number(y(curves[i].psnr[k])) + " ";
      svg += "\"/>\n" + text(width - right, offset + top + 14 * double(i), "end",
                             curves[i].name + ", " + number(curves[i].degradation_rate(), 2) +
                                 " dB for each doubling",
                             colour);
    }
    svg += text(left, offset + 16, "start", set + ": PSNR Y in dB against the scale");
    offset += height;
  }
  return svg + "</svg>\n";
}

}  // namespace tool
