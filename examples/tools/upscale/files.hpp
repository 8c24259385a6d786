// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/failure.hpp"
#include "common/folded_name.hpp"
#include "common/formats.hpp"
#include "common/output_plan.hpp"
#include "common/picture/read_picture.hpp"
#include "common/picture_folder.hpp"
#include "options.hpp"

namespace tool {

struct Job {
  std::filesystem::path from;
  std::vector<std::filesystem::path> to;  ///< one for each wish
};

/// What a run is to do: the jobs of this process, and all that the whole run reads and writes.
struct Jobs {
  std::vector<Job> mine;
  OutputPlan plan{IfThere::refuse, ""};
  std::string left_out;  ///< of the folder, for people
};

/// large.png becomes large-x2.png and large-x3.7.png if several scales are wished for.
inline Job job_of(std::filesystem::path from, const std::filesystem::path& to,
                  const Options& options) {
  Job job{std::move(from), {}};
  for (const Wish& wish : options.wishes)
    job.to.push_back(to.parent_path() /
                     Path(to.stem().string() + wish.suffix + to.extension().string()));
  return job;
}

/// Whether a result is to be made: it is not, where one is there that is to be kept.
inline bool wanted(const std::filesystem::path& to, const Options& options) {
  std::error_code unknown;
  return options.if_there != IfThere::skip || !std::filesystem::exists(to, unknown);
}

/// The sides of a picture must be such as the format can hold.
inline void expect_sides(const Format& format, int width, int height, const std::string& name) {
  EQSR_EXPECTS(format.max_side == 0 || (width <= format.max_side && height <= format.max_side),
               "usage", name, ": ", width, " x ", height, " pixels cannot be a ", format.name,
               " file, which has at most ", format.max_side,
               " a side. Choose a smaller size or another format, such as png.");
}

/// The same for the sides that follow from those of the pictures, as far as these can be read.
inline void expect_sizes(const std::vector<Job>& jobs, const Options& options) {
  if (jobs.empty() || (options.width > 0 && options.height > 0)) return;
  const Format& format = *format_of_name(jobs.front().to.front());
  if (format.max_side == 0) return;
  std::optional<Failure> first;
  std::size_t count = 0;
  for (const Job& job : jobs) {
    const auto is_wanted = [&](const auto& to) { return wanted(to, options); };
    if (std::none_of(job.to.begin(), job.to.end(), is_wanted)) continue;
    const auto low = picture_size(job.from.string());
    for (std::size_t i = 0; low && i < job.to.size(); ++i) {
      if (!is_wanted(job.to[i])) continue;
      auto failure = failure_of(job.from.string(), [&] {
        const eqsr::Size size =
            eqsr::resolve(options.target_for(options.wishes[i], low->height, low->width),
                          low->height, low->width);
        expect_sides(format, size.width, size.height, job.from.string());
      });
      if (failure && count++ == 0) first = std::move(failure);
    }
  }
  EQSR_EXPECTS(!first, "usage", first->sentence,
               count > 1 ? eqsr::say(" So it is with ", count, " results.") : "");
}

/// Pairs inputs with outputs. Throws `usage` for combinations that cannot work. Of a folder only
/// the shard is returned; who names what does not depend on it.
inline Jobs list_jobs(const Options& options) {
  namespace fs = std::filesystem;
  const auto refuse = [](const std::string& sentence) { throw eqsr::Error("usage", sentence); };
  Jobs jobs{{}, OutputPlan(options.if_there, overwrite_or_skip), {}};
  if (!options.weights.empty()) jobs.plan.add_input(options.weights);
  const auto add = [&](const Job& job, const fs::path& folder, bool ours) {
    jobs.plan.add_input(job.from);
    for (const fs::path& to : job.to) jobs.plan.add_target({to, job.from, folder, ours});
    if (ours) jobs.mine.push_back(job);
  };
  if (options.output.empty()) refuse("The output has no name. Give a file or a folder.");
  const fs::path& in = options.input;
  const bool from_folder = fs::is_directory(in), into_folder = options.into_folder();
  const Path out = into_folder ? Path(output_folder(options.output)) : options.output;
  const std::string extension = "." + options.format;
  const Format* format = format_of_name(into_folder ? extension : out.string());
  if (format == nullptr)
    refuse(out.string() + ": The output must end in " + extensions(false) + ", or be a folder.");
  if (fs::exists(out) && into_folder && !fs::is_directory(out))
    refuse(out.string() + ": The input is a folder, so the output must be one.");
  if (format->name == "webp" && !has_webp) refuse(out.string() + ": " + std::string(no_webp));
  expect_sides(*format, options.width, options.height, out.string());
  if (!from_folder) {
    if (!into_folder && out.has_parent_path() && !fs::is_directory(out.parent_path()))
      refuse(out.string() + ": The folder of the output does not exist. Create it first.");
    if (fs::is_fifo(out) &&
        (is_standard(out, 2) || (options.progress == Style::json && is_standard(out, 1))))
      refuse(out.string() +
             ": Messages go to this pipe too. Choose another output, or another "
             "place for the messages.");
    add(into_folder ? job_of(in, out / in.filename().replace_extension(extension), options)
                    : job_of(in, out, options),
        into_folder ? out : Path(), true);
    return jobs;
  }
  if (jobs.plan.place_of_folder(out) == Place(identity_of(in), ""))
    refuse("Input and output are the same folder. Choose another one for the output.");

  const PictureFolder folder = pictures_in(in, options.recursive, out);
  jobs.left_out = folder.left_out;
  if (folder.names.empty())
    refuse(in.string() + ": There is no " + extensions(true) + " in this folder. " +
           folder.left_out);

  // a.jpg becomes a.png; beside an a.png or a.jpeg it becomes a.jpg.png.
  const auto short_name = [&](fs::path name) { return name.replace_extension(extension); };
  std::map<std::string, int> wanted;
  for (const fs::path& name : folder.names) ++wanted[folded(short_name(name).string())];
  const auto count = static_cast<std::size_t>(options.shard.count);
  const auto number = static_cast<std::size_t>(options.shard.number - 1);
  for (std::size_t i = 0; i < folder.names.size(); ++i) {
    const fs::path& name = folder.names[i];
    fs::path to = short_name(name);
    if (wanted[folded(to.string())] > 1 && name.extension() != to.extension())
      to = Path(name.string() + extension);
    add(job_of(in / name, out / to, options), out, i % count == number);
  }
  return jobs;
}

/// Throws `usage` with the first reason why nothing must be computed.
inline void expect_sound(Jobs& jobs, const Options& options) {
  jobs.plan.check();
  expect_sizes(jobs.mine, options);
}

}  // namespace tool
