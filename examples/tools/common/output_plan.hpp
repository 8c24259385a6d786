// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <eqsr/core/check.hpp>
#include <eqsr/io/output_file.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "folded_name.hpp"
#include "system.hpp"
#include "text.hpp"

/// Where results go, decided before anything is computed: no input is ever replaced, no two results
/// have one name, and what is there already is replaced only if that is asked for.
namespace tool {

/// What becomes of results that are there already.
enum class IfThere { refuse, overwrite, skip };

inline constexpr const char* overwrite_or_skip =
    "Give --overwrite to replace what is there, or --skip-existing to keep it.";

/// A file that a run writes.
struct Target {
  std::filesystem::path to;
  std::filesystem::path from;      ///< the input, for sentences
  std::filesystem::path folder{};  ///< the output folder; empty if the file itself was named
  bool ours = true;                ///< written by this process, not by another part of the run
};

/// How a target is opened. Below an output folder links are replaced, not followed.
inline eqsr::Existing existing_for(IfThere policy, bool in_folder) {
  if (policy != IfThere::overwrite) return eqsr::Existing::keep;
  return in_folder ? eqsr::Existing::replace : eqsr::Existing::follow;
}

/// Where a file is or will be: the nearest folder that exists, and the folded names below it.
using Place = std::pair<std::optional<FileIdentity>, std::string>;

/// An output folder as it will be: without a slash at the end, and without ways through folders
/// that are not there.
inline std::filesystem::path output_folder(std::filesystem::path folder) {
  namespace fs = std::filesystem;
  if (!folder.has_filename() && folder.has_relative_path()) folder = folder.parent_path();
  EQSR_EXPECTS(!fs::is_symlink(folder) || fs::exists(folder), "usage", printable(folder.string()),
               ": This is a link that leads nowhere. Remove it, or choose another output folder.");
  const bool ways = std::find(folder.begin(), folder.end(), "..") != folder.end();
  return fs::exists(folder) || !ways ? folder : fs::weakly_canonical(folder);
}

/// Everything that a run reads and writes.
class OutputPlan {
 public:
  /// `remedy` tells how to write where something is.
  OutputPlan(IfThere policy, std::string remedy) : policy_(policy), remedy_(std::move(remedy)) {}

  void add_input(const std::filesystem::path& path) {
    if (const auto identity = identity_of(path)) inputs_.emplace(*identity, path);
    input_places_.emplace(place_of(path), path);
  }
  void add_target(Target target) { targets_.push_back(std::move(target)); }

  /// The place of a folder. One that differs from a folder that exists in case or Unicode form
  /// alone is that folder, as it is on the disk of a Mac.
  const Place& place_of_folder(const std::filesystem::path& folder) { return known(folder).place; }

  /// Throws `usage` with the first reason why nothing must be written.
  void check() {
    for (const Target& target : targets_) expect_folders(target);
    for (const Target& target : targets_) expect_no_input(target);
    expect_distinct();
    expect_free();
  }

  /// Makes the output folders that are needed, and tries in each whether files can be made.
  void prepare() const {
    std::set<std::filesystem::path> tried;
    for (const Target& target : targets_) {
      std::error_code unknown;
      const auto status = std::filesystem::status(target.to, unknown);
      const bool there = std::filesystem::exists(status);
      if (!target.ours || (there && policy_ == IfThere::skip)) continue;
      if (there && !std::filesystem::is_regular_file(status)) continue;  // a pipe waits for readers
      const std::filesystem::path parent = target.to.parent_path();
      if (!tried.insert(parent).second) continue;
      std::error_code failed;
      if (!target.folder.empty()) std::filesystem::create_directories(parent, failed);
      EQSR_EXPECTS(!failed, "io_error", quoted(parent),
                   ": The output folder cannot be made: ", failed.message(),
                   ". Choose another one.");
      const eqsr::OutputFile trial(target.to.string(),
                                   existing_for(policy_, !target.folder.empty()));
    }
  }

 private:
  using Path = std::filesystem::path;
  static std::string quoted(const Path& path) { return printable(path.string()); }
  [[noreturn]] static void refuse(const std::string& sentence) {
    throw eqsr::Error("usage", sentence);
  }

  static Path parent_of(const Path& path) {
    return path.has_parent_path() ? path.parent_path() : Path(".");
  }
  /// The place of a folder, and the name by which it is there; empty if it is not.
  struct Known {
    Place place;
    Path name;
  };
  const Known& known(const Path& folder) {
    const auto at = folders_.find(folder);
    if (at != folders_.end()) return at->second;
    Known found{{identity_of(folder), ""}, folder};
    if (!found.place.first && folder.has_relative_path()) {
      const Known& parent = known(parent_of(folder));
      const std::string name = folded(folder.filename().string());
      found = {parent.place, parent.name.empty() ? Path() : folder_like(parent.name, name)};
      if (found.name.empty())
        found.place.second += name + "/";
      else
        found.place.first = identity_of(found.name);
    }
    return folders_.emplace(folder, found).first->second;
  }
  Place place_of(const Path& path) {
    Place place = place_of_folder(parent_of(path));
    place.second += folded(path.filename().string());
    return place;
  }
  /// The folder in `parent` whose name folds to `name`, or an empty path.
  static Path folder_like(const Path& parent, const std::string& name) {
    std::error_code unknown;
    for (const auto& entry : std::filesystem::directory_iterator(parent, unknown))
      if (folded(entry.path().filename().string()) == name && entry.is_directory(unknown))
        return entry.path();
    return {};
  }

  /// The folders between the output folder and the file are folders, or not there yet.
  void expect_folders(const Target& target) {
    if (target.folder.empty() || !looked_at_.insert(target.to.parent_path()).second) return;
    Path folder = target.folder;
    for (const Path& part : target.to.parent_path().lexically_relative(target.folder)) {
      if (part.empty() || part == ".") continue;
      folder /= part;
      std::error_code unknown;
      const auto status = std::filesystem::symlink_status(folder, unknown);
      if (std::filesystem::is_symlink(status))
        refuse(quoted(folder) +
               ": This is a link. Links below the output folder are not "
               "followed; remove it, or choose another output folder.");
      if (std::filesystem::exists(status) && !std::filesystem::is_directory(status))
        refuse(quoted(folder) +
               ": A folder must be here, but there is a file. Move it away, or "
               "choose another output folder.");
    }
  }

  void expect_no_input(const Target& target) {
    const auto identity = identity_of(target.to);
    const Path* input = nullptr;
    if (identity) {
      const auto at = inputs_.find(*identity);
      if (at != inputs_.end()) input = &at->second;
    } else {
      const auto at = input_places_.find(place_of(target.to));
      if (at != input_places_.end()) input = &at->second;
    }
    if (input != nullptr)
      refuse(quoted(target.to) + ": The output of " + quoted(target.from) +
             " would replace the input " + quoted(*input) +
             ". Inputs are never replaced; choose another name or folder for the output.");
  }

  void expect_distinct() {
    std::map<FileIdentity, const Target*> files;
    std::map<Place, const Target*> places;
    const auto refuse_both = [](const Target& one, const Target& other) {
      refuse("Two results cannot be told apart on every disk: " + quoted(other.to) + ", made of " +
             quoted(other.from) + ", and " + quoted(one.to) + ", made of " + quoted(one.from) +
             ". Rename an input, or work on them one after the other.");
    };
    for (const Target& target : targets_) {
      const auto identity = identity_of(target.to);
      const auto [at, is_new] = places.emplace(place_of(target.to), &target);
      if (!is_new) {
        const auto other = identity_of(at->second->to);
        if (!identity || !other || *identity == *other) refuse_both(target, *at->second);
      }
      if (!identity || std::filesystem::is_other(target.to)) continue;
      const auto [file, is_first] = files.emplace(*identity, &target);
      if (!is_first && policy_ != IfThere::skip) refuse_both(target, *file->second);
    }
    // A folder of one result cannot be the file of another.
    for (const Target& target : targets_) {
      if (target.folder.empty()) continue;
      for (Path above = target.to.parent_path(); above != target.folder && above.has_filename();
           above = above.parent_path()) {
        const auto at = places.find(place_of(above));
        if (at != places.end()) refuse_both(target, *at->second);
      }
    }
  }

  /// What is there already is replaced or kept only if that is asked for.
  void expect_free() const {
    std::size_t count = 0;
    const Target* first = nullptr;
    for (const Target& target : targets_) {
      if (!target.ours) continue;
      std::error_code unknown;
      const bool link = std::filesystem::is_symlink(target.to, unknown);
      const auto status = std::filesystem::status(target.to, unknown);
      const bool there = std::filesystem::exists(status);
      if (!there && !link) continue;
      if (std::filesystem::is_directory(status))
        refuse(quoted(target.to) +
               ": This is a folder, so no file can have its name. Choose "
               "another name or folder for the output.");
      if (there && !std::filesystem::is_regular_file(status)) {
        if (target.folder.empty()) continue;  // a pipe or device that was named is written to
        refuse(quoted(target.to) +
               ": This is no plain file. Remove it, or choose another output "
               "folder.");
      }
      if (!there && policy_ == IfThere::skip)
        refuse(quoted(target.to) +
               ": This is a link that leads nowhere. Remove it, or choose "
               "another name or folder for the output.");
      if (count++ == 0) first = &target;
    }
    if (count > 0 && policy_ == IfThere::refuse)
      refuse(eqsr::say(count, count == 1 ? " result is" : " results are", " there already, ",
                       count == 1 ? "" : "the first is ", quoted(first->to), ". ", remedy_));
  }

  IfThere policy_;
  std::string remedy_;
  std::map<FileIdentity, Path> inputs_;
  std::map<Place, Path> input_places_;
  std::map<Path, Known> folders_;
  std::set<Path> looked_at_;
  std::vector<Target> targets_;
};

}  // namespace tool
