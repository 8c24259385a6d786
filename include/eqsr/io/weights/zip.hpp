// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Zip archives as PyTorch writes them: stored, one disk, nothing before, between the directory and
/// its end, or after. Two readings of one archive must not be possible, so every entry's local
/// header is compared with the directory and no two entries share a byte. As everything is stored,
/// an archive can never hold more than its own size.

#include <eqsr/core/check.hpp>
#include <eqsr/io/bytes.hpp>
#include <eqsr/io/file.hpp>

#include <algorithm>         // sort
#include <array>             // array
#include <cstddef>           // size_t
#include <cstdint>           // uint64_t
#include <functional>        // less
#include <initializer_list>  // initializer_list
#include <map>               // map
#include <optional>          // optional
#include <string>            // string
#include <string_view>       // string_view
#include <vector>            // vector

namespace eqsr { inline namespace EQSR_ABI { namespace detail {

struct ZipEntry {
  std::string name;
  std::uint64_t header = 0;  // offset of the local header
  std::uint64_t data = 0;    // offset of the bytes
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  std::uint16_t flags = 0;
};

/// Whether an archive with an entry of this name, which begins with a folder, is TorchScript.
[[nodiscard]] inline bool is_torchscript(std::string_view name) {
  name.remove_prefix((std::min)(name.find('/'), name.size()));
  return name == "/constants.pkl" || name.starts_with("/code/");
}

[[noreturn, gnu::noinline, gnu::cold]] inline void fail_torchscript(const InputFile& file) {
  file.fail("unsupported_container",
            {"This is a TorchScript archive, which torch.jit.save wrote: a program with its "
             "weights. Load it in PyTorch with torch.jit.load and save the weights alone: "
             "torch.save(model.state_dict(), path)."});
}

class ZipArchive {
 public:
  ZipArchive(const InputFile& file, const Limits& limits) : file_(file), limits_(limits) {
    find_end();
    read_directory();
    read_local_headers();
  }

  [[nodiscard]] const std::vector<ZipEntry>& entries() const noexcept { return entries_; }

  [[nodiscard]] const ZipEntry* find(std::string_view name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &entries_[found->second];
  }

  /// Reads an entry's bytes to `to`, which has room for `entry.size`.
  void read(const ZipEntry& entry, void* to) const {
    const auto count = static_cast<std::size_t>(entry.size);
    file_.read(entry.data, to, count);
    if (limits_.check_crc && crc32(static_cast<const char*>(to), count) != entry.crc) {
      file_.fail("crc_mismatch",
                 {"The entry ", in_quotes(entry.name),
                  " does not match its checksum; the file is damaged. Copy or download it again."});
    }
  }

 private:
  static constexpr std::size_t end_bytes = 22;
  static constexpr std::size_t locator_bytes = 20;
  static constexpr std::size_t end64_bytes = 56;
  static constexpr std::uint32_t end_mark = 0x06054B50;
  static constexpr std::uint32_t locator_mark = 0x07064B50;
  static constexpr std::uint32_t end64_mark = 0x06064B50;
  static constexpr std::uint32_t central_mark = 0x02014B50;
  static constexpr std::uint32_t local_mark = 0x04034B50;

  template <class T>
  static T get(const char* bytes) {
    return load_little<T>(bytes);
  }
  static std::uint16_t u16(const char* bytes) { return get<std::uint16_t>(bytes); }
  static std::uint32_t u32(const char* bytes) { return get<std::uint32_t>(bytes); }
  static std::uint64_t u64(const char* bytes) { return get<std::uint64_t>(bytes); }

  [[gnu::cold]] void find_end() {
    if (file_.size() < end_bytes) file_.fail("truncated", {"The archive is cut short."});
    std::array<char, 4> start{};
    file_.read(0, start.data(), start.size());
    const std::uint64_t at = file_.size() - end_bytes;
    std::array<char, end_bytes> end{};
    file_.read(at, end.data(), end.size());
    if (u32(end.data()) != end_mark || u16(&end[20]) != 0) explain_end();
    // An empty archive begins with its end.
    const std::uint32_t first = u32(start.data());
    if (first != local_mark && first != end64_mark && at != 0) {
      file_.fail("prefixed_archive", {"The archive does not begin at the first byte of the file."});
    }
    if (u16(&end[4]) != 0 || u16(&end[6]) != 0 || u16(&end[8]) != u16(&end[10])) {
      file_.fail("bad_central", {"The archive is one of several disks."});
    }
    count_ = u16(&end[10]);
    directory_bytes_ = u32(&end[12]);
    directory_ = u32(&end[16]);
    directory_end_ = at;
    read_end64(at);
    if (count_ > limits_.max_tensors) {
      file_.fail("too_many_entries", {"The archive lists ", count_, " entries, the limit is ",
                                      limits_.max_tensors, "."});
    }
    std::uint64_t end_of_directory = 0;
    if (!checked_add(directory_, directory_bytes_, end_of_directory) ||
        end_of_directory > directory_end_) {
      file_.fail("bad_central",
                 {"The directory reaches beyond its end record, at byte ", directory_end_, "."});
    }
    if (end_of_directory < directory_end_) {
      if (find_mark(end_of_directory, directory_end_)) {
        file_.fail("ambiguous_archive", {"There are two ends of a directory."});
      }
      file_.fail("bad_central", {"The directory ends at byte ", end_of_directory,
                                 ", but its end record is at ", directory_end_, "."});
    }
    if (directory_bytes_ > limits_.max_header_bytes) {
      file_.fail("limit_exceeded", {"The directory has ", directory_bytes_, " bytes, the limit is ",
                                    limits_.max_header_bytes, "."});
    }
  }

  /// The records of large archives, which PyTorch always writes.
  [[gnu::cold]] void read_end64(std::uint64_t end) {
    const bool needed =
        count_ == 0xFFFF || directory_bytes_ == 0xFFFFFFFF || directory_ == 0xFFFFFFFF;
    std::array<char, locator_bytes> locator{};
    if (end >= locator_bytes) file_.read(end - locator_bytes, locator.data(), locator.size());
    if (u32(locator.data()) != locator_mark) {
      if (needed) file_.fail("bad_zip64", {"The 64-bit end record is missing."});
      return;
    }
    const std::uint64_t at = u64(&locator[8]);
    if (end < locator_bytes + end64_bytes || at != end - locator_bytes - end64_bytes ||
        u32(&locator[4]) != 0 || u32(&locator[16]) != 1) {
      file_.fail("bad_zip64", {"The 64-bit end record is announced at byte ", at,
                               ", not directly before its locator."});
    }
    std::array<char, end64_bytes> record{};
    file_.read(at, record.data(), record.size());
    const std::uint64_t count = u64(&record[32]);
    const std::uint64_t bytes = u64(&record[40]);
    const std::uint64_t offset = u64(&record[48]);
    const bool sound = u32(record.data()) == end64_mark && u64(&record[4]) == end64_bytes - 12 &&
                       u32(&record[16]) == 0 && u32(&record[20]) == 0 && u64(&record[24]) == count;
    const bool agrees = (count_ == 0xFFFF || count_ == count) &&
                        (directory_bytes_ == 0xFFFFFFFF || directory_bytes_ == bytes) &&
                        (directory_ == 0xFFFFFFFF || directory_ == offset);
    if (!sound || !agrees) {
      file_.fail("bad_zip64", {"The 64-bit end record contradicts the 32-bit one."});
    }
    count_ = count;
    directory_bytes_ = bytes;
    directory_ = offset;
    directory_end_ = at;
  }

  /// There is no end record where it should be: say what is there instead.
  [[noreturn, gnu::cold]] void explain_end() const {
    if (const auto found = find_mark(0, file_.size())) {
      std::array<char, end_bytes> end{};
      const std::uint64_t at = *found;
      if (file_.size() - at < end_bytes) file_.fail("truncated", {"The archive is cut short."});
      file_.read(at, end.data(), end.size());
      if (u16(&end[20]) == file_.size() - at - end_bytes) {
        file_.fail("ambiguous_archive",
                   {"The archive has a comment of ", u16(&end[20]),
                    " bytes, which could hide a second directory. Save it again with torch.save."});
      }
      file_.fail("trailing_data", {"The archive ends at byte ", at + end_bytes, ", but ",
                                   file_.size() - at - end_bytes, " more bytes follow."});
    }
    file_.fail(
        "truncated",
        {"The archive has no directory at its end; it is cut short. Copy or download it again."});
  }

  /// The last end mark that begins in [from, to).
  [[nodiscard]] std::optional<std::uint64_t> find_mark(std::uint64_t from, std::uint64_t to) const {
    std::array<char, 4096> block{};
    std::optional<std::uint64_t> found;
    constexpr std::uint64_t reach = std::uint64_t{1} << 24;  // only the wording depends on it
    if (to - from > reach) from = to - reach;
    for (std::uint64_t at = from; at < to; at += block.size() - 3) {
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), file_.size() - at));
      file_.read(at, block.data(), count);
      for (std::size_t i = 0; i + 4 <= count && at + i < to; ++i) {
        if (block[i] == 'P' && u32(&block[i]) == end_mark) found = at + i;
      }
    }
    return found;
  }

  [[gnu::cold]] void read_directory() {
    const std::string directory = file_.read_some(directory_, directory_bytes_);
    std::string_view rest = directory;
    for (std::uint64_t i = 0; i < count_; ++i) {
      if (rest.size() < 46 || u32(rest.data()) != central_mark) {
        file_.fail("bad_central",
                   {"The directory holds fewer than the ", count_, " entries it announces."});
      }
      const std::size_t name = u16(&rest[28]);
      const std::size_t extra = u16(&rest[30]);
      const std::size_t comment = u16(&rest[32]);
      if (rest.size() - 46 < name + extra + comment) {
        file_.fail("bad_central", {"An entry of the directory reaches beyond its end."});
      }
      add_entry(rest.data(), rest.substr(46, name), rest.substr(46 + name, extra));
      rest.remove_prefix(46 + name + extra + comment);
    }
    if (!rest.empty()) {
      file_.fail("bad_central",
                 {"The directory holds more than the ", count_, " entries it announces."});
    }
  }

  [[gnu::cold]] void add_entry(const char* record, std::string_view name, std::string_view extra) {
    ZipEntry entry{.name = std::string(name),
                   .header = u32(&record[42]),
                   .data = 0,
                   .size = u32(&record[24]),
                   .crc = u32(&record[16]),
                   .flags = u16(&record[8])};
    const std::string label = "The entry " + in_quotes(name);
    if (!safe_name(name)) {
      file_.fail("bad_name", {label, " is not a relative path in UTF-8 without \"..\"."});
    }
    if ((entry.flags & ~0x080EU) != 0) {  // descriptor, compression hints, UTF-8
      file_.fail("unsupported_flag",
                 {label, " has the flags ", entry.flags,
                  " (encryption, patches or the like). Save the file again with torch.save."});
    }
    const std::uint16_t method = u16(&record[10]);
    // The one writer of compressed entries that users meet: the code of a model is such an entry.
    if (method != 0 && is_torchscript(name)) fail_torchscript(file_);
    if (method != 0) {
      file_.fail("unsupported_compression",
                 {label, " is compressed (method ", method,
                  "); only stored entries are read. Save the file again with torch.save."});
    }
    std::uint64_t packed = u32(&record[20]);
    widen(extra, {&entry.size, &packed, &entry.header}, label);
    if (packed != entry.size) {
      file_.fail("header_mismatch",
                 {label, " is stored, but its sizes ", packed, " and ", entry.size, " differ."});
    }
    if (u16(&record[34]) != 0) file_.fail("bad_central", {label, " is on another disk."});
    if (!index_.emplace(entry.name, entries_.size()).second) {
      file_.fail("duplicate_entry", {label, " is there twice."});
    }
    entries_.push_back(std::move(entry));
  }

  /// Replaces those of `fields` that are all ones by the values of the 64-bit extra field.
  [[gnu::cold]] void widen(std::string_view extra, std::initializer_list<std::uint64_t*> fields,
                           std::string_view label) const {
    std::string_view values;
    while (extra.size() >= 4) {
      const std::size_t size = u16(&extra[2]);
      if (size > extra.size() - 4) break;
      if (u16(extra.data()) == 1) values = extra.substr(4, size);
      extra.remove_prefix(4 + size);
    }
    for (std::uint64_t* field : fields) {
      if (*field != 0xFFFFFFFF) continue;
      if (values.size() < 8) {
        file_.fail("bad_zip64", {label, " lacks the 64-bit sizes that it announces."});
      }
      *field = u64(values.data());
      values.remove_prefix(8);
    }
  }

  static bool safe_name(std::string_view name) {
    const bool drive = name.size() > 1 && name[1] == ':';
    if (!valid_name(name) || name.front() == '/' || drive ||
        name.find('\\') != std::string_view::npos) {
      return false;
    }
    while (!name.empty()) {
      const std::size_t slash = (std::min)(name.find('/'), name.size());
      const std::string_view part = name.substr(0, slash);
      if (part.empty() || part == "." || part == "..") return false;
      name.remove_prefix((std::min)(slash + 1, name.size()));
    }
    return true;
  }

  [[gnu::cold]] void read_local_headers() {
    std::vector<ZipEntry*> order;
    order.reserve(entries_.size());
    for (ZipEntry& entry : entries_) {
      // The least the entry can occupy; its own header says how much more.
      const std::uint64_t least = 30 + entry.name.size();
      std::uint64_t end = 0;
      if (!checked_add(entry.header, least, end) || !checked_add(end, entry.size, end) ||
          end > file_.size()) {
        file_.fail("out_of_range",
                   {"The entry ", in_quotes(entry.name), " at byte ", entry.header, " with ",
                    entry.size, " bytes reaches beyond the end of the file."});
      }
      order.push_back(&entry);
    }
    std::sort(order.begin(), order.end(),
              [](const auto* a, const auto* b) { return a->header < b->header; });
    const auto limit = [&](std::size_t i) {
      return i + 1 < order.size() ? order[i + 1]->header : directory_;
    };
    const auto expect_apart = [&](std::size_t i, std::uint64_t end) {
      if (end > limit(i)) {
        file_.fail("overlap", {"The entry ", in_quotes(order[i]->name),
                               " shares bytes with what comes after it, at byte ", limit(i), "."});
      }
    };
    if (!order.empty() && order[0]->header != 0) {
      file_.fail("prefixed_archive",
                 {"The first entry begins at byte ", order[0]->header, ", not 0."});
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      expect_apart(i, order[i]->header + 30 + order[i]->name.size() + order[i]->size);
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      read_local_header(*order[i]);
      expect_apart(i, order[i]->data + order[i]->size);
    }
  }

  [[gnu::cold]] void read_local_header(ZipEntry& entry) const {
    const std::string local = file_.read_some(entry.header, 30 + entry.name.size());
    const std::string label = "The entry " + in_quotes(entry.name);
    const bool same = u32(local.data()) == local_mark && u16(&local[6]) == entry.flags &&
                      u16(&local[8]) == 0 && u16(&local[26]) == entry.name.size() &&
                      std::string_view(local).substr(30) == entry.name;
    if (!same) {
      file_.fail("header_mismatch", {label, " is described differently at byte ", entry.header,
                                     " and in the directory."});
    }
    const std::uint64_t extra = u16(&local[28]);
    entry.data = entry.header + local.size() + extra;
    if (entry.data > file_.size()) {
      file_.fail("overlap", {label, " has a header that reaches beyond the end of the file."});
    }
    std::uint64_t packed = u32(&local[18]);
    std::uint64_t size = u32(&local[22]);
    const std::uint32_t crc = u32(&local[14]);
    const bool deferred = (entry.flags & 8U) != 0 && packed == 0 && size == 0 && crc == 0;
    if (deferred) return;  // they follow the data; the directory's are the ones that count
    if (packed == 0xFFFFFFFF || size == 0xFFFFFFFF) {
      const std::string fields = file_.read_some(entry.header + local.size(), extra);
      widen(fields, {&size, &packed}, label);
    }
    if (packed != entry.size || size != entry.size || crc != entry.crc) {
      file_.fail("header_mismatch", {label, " has another size or checksum at byte ", entry.header,
                                     " than in the directory."});
    }
  }

  const InputFile& file_;
  Limits limits_;
  std::uint64_t count_ = 0;
  std::uint64_t directory_ = 0;
  std::uint64_t directory_bytes_ = 0;
  std::uint64_t directory_end_ = 0;
  std::vector<ZipEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;  // no hash: foreign names can collide
};

}}}  // namespace eqsr::EQSR_ABI::detail
