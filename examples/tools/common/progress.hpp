// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/io/weights/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "failure.hpp"
#include "system.hpp"
#include "text.hpp"

namespace tool {

/// How progress is told: one line on a terminal that fills up, a line each tenth, or an object of
/// JSON a line on the standard output.
enum class Style { none, bar, plain, json };

/// One result on its way.
struct Item {
  std::string from, to;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();

  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
};

/// What the user is told while the work goes on, from any thread.
class Progress {
 public:
  Progress(Style style, bool verbose)
      : style_(style == Style::bar && !standard_error_is_terminal() ? Style::none : style),
        verbose_(verbose) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  /// JSON goes to the standard error, because frames go to the standard output.
  void raw() { lines_ = stderr; }

  void show(const Item& item, double done, std::string_view stage) {
    if (style_ == Style::none) return;
    const std::lock_guard lock(mutex_);
    const int step = style_ == Style::plain ? 10 : 1;
    const int percent = static_cast<int>(100 * std::clamp(done, 0.0, 1.0)) / step * step;
    if (percent == percent_ && item.to == shown_) return;
    percent_ = percent;
    shown_ = item.to;
    if (style_ == Style::json) {
      object(item, percent / 100.0, stage);
    } else if (style_ == Style::plain) {
      std::fprintf(stderr, "%s: %d %%, %.2f s\n", item.from.c_str(), percent, item.seconds());
    } else {
      constexpr int width = 30;
      std::string bar(static_cast<std::size_t>(width), ' ');
      std::fill_n(bar.begin(), percent * width / 100, '=');
      std::fprintf(stderr, "\r\033[K%s [%s] %3d %% %s", item.from.c_str(), bar.c_str(), percent,
                   std::string(stage).c_str());
      std::fflush(stderr);
    }
  }

  void written(const Item& item) {
    const std::lock_guard lock(mutex_);
    clear();
    if (style_ == Style::json) object(item, 1, "written");
    if (verbose_ || style_ == Style::plain)
      std::fprintf(stderr, "%s: written to %s after %.2f s\n", item.from.c_str(), item.to.c_str(),
                   item.seconds());
  }
  void skipped(const Item& item) {
    const std::lock_guard lock(mutex_);
    if (style_ == Style::json) object(item, 1, "skipped");
    if (verbose_) std::fprintf(stderr, "%s: already there, skipped\n", item.to.c_str());
  }
  void failed(const Item& item, const Failure& failure) {
    const std::lock_guard lock(mutex_);
    clear();
    if (style_ == Style::json) object(item, 0, "failed", failure.sentence);
    std::fprintf(stderr, "upscale: %s\n", failure.sentence.c_str());
    only_misused_ = only_misused_ && failure.code == "usage";
    if (std::find(failed_.begin(), failed_.end(), item.from) == failed_.end())
      failed_.push_back(item.from);
  }
  void note(const std::string& text) {
    const std::lock_guard lock(mutex_);
    clear();
    std::fprintf(stderr, "upscale: note: %s\n", text.c_str());
  }
  void detail(const std::string& text) {
    if (!verbose_) return;
    const std::lock_guard lock(mutex_);
    clear();
    std::fprintf(stderr, "%s\n", text.c_str());
  }

  /// The inputs of which something is missing.
  [[nodiscard]] const std::vector<std::string>& failures() const { return failed_; }
  /// Whether all that failed was asked for what cannot be.
  [[nodiscard]] bool only_misused() const { return only_misused_; }

 private:
  void clear() {
    if (style_ == Style::bar && percent_ >= 0) std::fputs("\r\033[K", stderr);
    percent_ = -1;
  }
  void object(const Item& item, double done, std::string_view stage,
              std::string_view error = {}) const {
    const auto quoted = [](std::string_view text) {  // names of files need not be UTF-8
      return eqsr::json_string(as_utf8(text));
    };
    std::fprintf(lines_,
                 "{\"file\": %s, \"output\": %s, \"done\": %.2f, \"stage\": %s, \"seconds\": %.3f",
                 quoted(item.from).c_str(), quoted(item.to).c_str(), done, quoted(stage).c_str(),
                 item.seconds());
    if (!error.empty()) std::fprintf(lines_, ", \"error\": %s", quoted(error).c_str());
    std::fputs("}\n", lines_);
    std::fflush(lines_);
  }

  const Style style_;
  const bool verbose_;
  std::FILE* lines_ = stdout;
  std::mutex mutex_;
  std::string shown_;
  int percent_ = -1;
  bool only_misused_ = true;
  std::vector<std::string> failed_;
};

}  // namespace tool
