// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "metrics.hpp"

/// Tables of results: text, CSV, JSON, Markdown.
namespace tool {

/// One picture's result.
struct Measured {
  std::string image;
  Quality quality;
  double seconds = 0;
};

/// A set at a scale by a method; the figures are means over pictures.
struct Row {
  std::string set, scale, method;
  std::vector<Measured> images{};

  [[nodiscard]] Quality mean() const {
    Quality sum;
    for (const Measured& one : images) {
      sum.psnr_y += one.quality.psnr_y;
      sum.ssim_y += one.quality.ssim_y;
      sum.psnr_rgb += one.quality.psnr_rgb;
      sum.ssim_rgb += one.quality.ssim_rgb;
    }
    const double n = double(images.size());
    return {sum.psnr_y / n, sum.ssim_y / n, sum.psnr_rgb / n, sum.ssim_rgb / n};
  }
  [[nodiscard]] double seconds() const {
    double sum = 0;
    for (const Measured& one : images) sum += one.seconds;
    return sum / double(images.size());
  }
};

/// What the rows were measured with.
struct Setting {
  std::string protocol, inputs, border, weights;
  std::string degraded{};  ///< by what, with the encoder; nothing if inputs are clean

  [[nodiscard]] std::string inputs_by() const {
    return inputs + (degraded.empty() ? "" : " + " + degraded);
  }
};

/// How PSNR of Y falls over a sweep of scales.
struct Trend {
  std::string set, method;
  double degradation_rate = 0;  ///< dB lost for each doubling of the scale
  double roughness = 0;         ///< dB that a point is off the line of its neighbours, at most
};

struct Report {
  Setting setting{};
  std::vector<Row> rows{};
  std::vector<Trend> trends{};
  std::vector<std::string> failures{};
};

inline const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names = {"text", "csv", "json", "markdown"};
  return names;
}

/// The format that a file's name asks for, or nothing.
inline std::string format_of(const std::filesystem::path& path) {
  const std::string end = path.extension().string();
  if (end == ".txt") return "text";
  if (end == ".csv") return "csv";
  if (end == ".json") return "json";
  return end == ".md" ? "markdown" : "";
}

inline const std::vector<std::string>& columns() {
  static const std::vector<std::string> names = {
      "set", "scale", "method", "images", "PSNR Y", "SSIM Y", "PSNR RGB", "SSIM RGB", "s/image"};
  return names;
}

inline std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

inline std::vector<std::string> cells(const Row& row) {
  const Quality mean = row.mean();
  return {row.set,
          row.scale,
          row.method,
          std::to_string(row.images.size()),
          fixed(mean.psnr_y, 2),
          fixed(mean.ssim_y, 4),
          fixed(mean.psnr_rgb, 2),
          fixed(mean.ssim_rgb, 4),
          fixed(row.seconds(), 3)};
}

/// A name in CSV, in quotes where it needs them.
inline std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

inline nlohmann::json json_of(const Quality& quality) {
  const auto number = [](double value) {  // JSON knows no infinity
    return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
  };
  return {{"psnr_y", number(quality.psnr_y)},
          {"ssim_y", quality.ssim_y},
          {"psnr_rgb", number(quality.psnr_rgb)},
          {"ssim_rgb", quality.ssim_rgb}};
}

inline std::string json_text(const Report& report) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Row& row : report.rows) {
    nlohmann::json images = nlohmann::json::array();
    for (const Measured& one : row.images) {
      nlohmann::json image = json_of(one.quality);
      image["image"] = one.image;
      images.push_back(image);
    }
    nlohmann::json entry = json_of(row.mean());
    entry.update({{"set", row.set},
                  {"scale", row.scale},
                  {"method", row.method},
                  {"seconds_per_image", row.seconds()},
                  {"images", images}});
    rows.push_back(entry);
  }
  nlohmann::json trends = nlohmann::json::array();
  for (const Trend& trend : report.trends)
    trends.push_back({{"set", trend.set},
                      {"method", trend.method},
                      {"degradation_rate", trend.degradation_rate},
                      {"roughness", trend.roughness}});
  const Setting& setting = report.setting;
  const nlohmann::json all = {{"protocol", setting.protocol},
                              {"inputs", setting.inputs},
                              {"degraded", setting.degraded},
                              {"border", setting.border},
                              {"weights", setting.weights},
                              {"rows", rows},
                              {"trends", trends},
                              {"failures", report.failures}};
  // File names need not be UTF-8.
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

inline std::string csv_text(const Report& report) {
  std::string text = "protocol,inputs,border";
  for (const std::string& name : columns()) text += "," + name;
  for (const Row& row : report.rows) {
    text += "\n" + report.setting.protocol + "," + report.setting.inputs_by() + "," +
            report.setting.border;
    for (const std::string& cell : cells(row)) text += "," + quoted(cell);
  }
  return text + "\n";
}

/// Columns of one width each; `bar` stands between them.
inline std::string table_text(const Report& report, bool markdown) {
  std::vector<std::vector<std::string>> lines = {columns()};
  for (const Row& row : report.rows) lines.push_back(cells(row));
  std::vector<std::size_t> width(columns().size());
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) width[i] = std::max(width[i], line[i].size());
  const Setting& setting = report.setting;
  std::string text = "Protocol " + setting.protocol + ", inputs by " + setting.inputs_by() +
                     ", border " + setting.border + "\n\n";
  for (std::size_t n = 0; n < lines.size(); ++n) {
    for (std::size_t i = 0; i < width.size(); ++i) {
      const std::string room(width[i] - lines[n][i].size(), ' ');
      text += markdown ? "| " : i > 0 ? "  " : "";
      text += i < 3 ? lines[n][i] + room : room + lines[n][i];
      if (markdown) text += i + 1 < width.size() ? " " : " |";
    }
    text += "\n";
    if (markdown && n == 0) {
      for (std::size_t i = 0; i < width.size(); ++i)
        text += "|" + std::string(width[i] + 1, '-') + (i < 3 ? "-" : ":");
      text += "|\n";
    }
  }
  return text;
}

inline std::string text_of(const Report& report, const std::string& format) {
  if (format == "json") return json_text(report);
  if (format == "csv") return csv_text(report);
  return table_text(report, format == "markdown");
}

}  // namespace tool
