// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

namespace tool {

/// One line on a terminal that fills up; nothing at all when the output goes elsewhere.
class ProgressBar {
 public:
  explicit ProgressBar(std::string title) : title_(std::move(title)) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { clear(); }

  void show(double done, std::string_view stage) {
    if (!terminal_) return;
    const int percent = static_cast<int>(100 * std::clamp(done, 0.0, 1.0));
    if (percent == percent_ && stage == stage_) return;
    percent_ = percent;
    stage_ = stage;
    constexpr int width = 30;
    const int filled = percent * width / 100;
    const std::string bar = std::string(static_cast<std::size_t>(filled), '=') +
                            std::string(static_cast<std::size_t>(width - filled), ' ');
    std::fprintf(stderr, "\r\033[K%s [%s] %3d %% %s", title_.c_str(), bar.c_str(), percent,
                 stage_.c_str());
    std::fflush(stderr);
  }
  void clear() {
    if (terminal_ && percent_ >= 0) std::fputs("\r\033[K", stderr);
    percent_ = -1;
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  std::string title_, stage_;
  int percent_ = -1;
};

}  // namespace tool
