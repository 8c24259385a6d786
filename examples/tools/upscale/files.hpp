// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>
#include <eqsr/io/picture/write.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "options.hpp"

namespace tool {

struct Job {
  std::filesystem::path from;
  std::vector<std::filesystem::path> to;  ///< one for each wish
};

/// large.png becomes large-x2.png and large-x3.7.png if several scales are wished for.
inline Job job_of(std::filesystem::path from, const std::filesystem::path& to,
                  const Options& options) {
  Job job{std::move(from), {}};
  for (const Wish& wish : options.wishes)
    job.to.push_back(to.parent_path() /
                     (to.stem().string() + wish.suffix + to.extension().string()));
  return job;
}

inline bool is_picture_name(const std::filesystem::path& path, bool output = false) {
  const std::string extension = eqsr::detail::extension_of(path.string());
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg" ||
         (output && extension == ".pfm");
}

/// Pairs inputs with outputs. Throws `usage` for combinations that cannot work, so that nothing is
/// computed for a place that cannot be written. Of a folder only the shard is returned; who names
/// what does not depend on it.
inline std::vector<Job> list_jobs(const Options& options) {
  namespace fs = std::filesystem;
  const auto refuse = [](const std::string& sentence) { throw eqsr::Error("usage", sentence); };
  const fs::path& in = options.input;
  const fs::path& out = options.output;
  if (!fs::is_directory(in)) {
    if (fs::is_directory(out))
      return {job_of(in, out / in.filename().replace_extension("." + options.format), options)};
    if (!is_picture_name(out, true))
      refuse(out.string() + ": The output must end in .png, .jpg, .jpeg or .pfm, or be a folder.");
    if (!out.parent_path().empty() && !fs::is_directory(out.parent_path()))
      refuse(out.string() + ": The folder of the output does not exist. Create it first.");
    return {job_of(in, out, options)};
  }
  if (fs::exists(out) && !fs::is_directory(out))
    refuse(out.string() + ": The input is a folder, so the output must be one.");
  if (fs::exists(out) && fs::equivalent(in, out))
    refuse("Input and output are the same folder. Choose another one for the output.");

  std::vector<fs::path> pictures;
  const auto take = [&](const fs::directory_entry& entry) {
    if (entry.is_regular_file() && is_picture_name(entry.path())) pictures.push_back(entry.path());
  };
  if (options.recursive)
    for (const auto& entry : fs::recursive_directory_iterator(in)) take(entry);
  else
    for (const auto& entry : fs::directory_iterator(in)) take(entry);
  if (pictures.empty()) refuse(in.string() + ": There is no .png, .jpg or .jpeg in this folder.");
  std::sort(pictures.begin(), pictures.end());

  // a.jpg becomes a.png; beside an a.png or a.jpeg it becomes a.jpg.png.
  const auto target = [&](const fs::path& from) {
    return out / fs::relative(from, in).replace_extension("." + options.format);
  };
  std::map<fs::path, int> wanted;
  for (const fs::path& from : pictures) ++wanted[target(from)];
  std::vector<Job> jobs;
  const Shard shard = options.shard;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    if (i % static_cast<std::size_t>(shard.count) != static_cast<std::size_t>(shard.number - 1))
      continue;
    const fs::path& from = pictures[i];
    fs::path to = target(from);
    if (wanted[to] > 1 && from.extension() != to.extension())
      to = out / (fs::relative(from, in).string() + "." + options.format);
    jobs.push_back(job_of(from, to, options));
  }
  return jobs;
}

}  // namespace tool
