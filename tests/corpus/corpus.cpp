// SPDX-License-Identifier: Apache-2.0
// Every row of the tables of bad files in docs/reliability.md: the code, the sentence, the memory
// taken before it, the time. Most files come from make.py; rows that need a device, a race or a
// network are made here and in models.cpp.
//
//     corpus FOLDER      the folder that make.py has filled
#include <eqsr/io/image.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "../io/builder.hpp"
#include "report.hpp"

namespace {

using namespace eqsr_test;

/// What a class of the table allows: H0, H1, H2 for weights, P for pictures.
std::size_t room(const std::string& heap, std::size_t structure, std::size_t file_bytes,
                 bool picture) {
  constexpr std::size_t base = 64 << 10;
  if (heap == "-") return std::size_t{1} << 40;
  if (picture) return (heap == "H0" ? base : 4 * structure + (1 << 20)) + 2 * file_bytes;
  if (heap == "H0") return base;
  return base + 4 * structure + (heap == "H2" ? structure : 0);
}

void run_files(const std::filesystem::path& folder) {
  std::ifstream table(folder / "corpus.tsv");
  for (std::string line; std::getline(table, line);) {
    const Strings fields = split(line, '\t');
    const std::string &row = fields.at(0), path = (folder / fields.at(1)).string();
    const bool picture = row[0] == 'I';
    eqsr::Limits limits;
    eqsr::ReadOptions options;
    const Strings limit = split(fields.at(6), '=');
    const std::uint64_t value = limit.size() == 2 ? std::stoull(limit[1]) : 0;
    if (limit[0] == "max_file_bytes") limits.max_file_bytes = value;
    if (limit[0] == "memory_budget") limits.memory_budget = value;
    if (limit[0] == "max_pickle_bytes") limits.max_pickle_bytes = value;
    if (limit[0] == "max_pixels") options.max_pixels = value;
    const Outcome found = outcome_of([&](Outcome& outcome) {
      if (picture) {
        options.on_note = [&](const std::string& note) { outcome.sentence = note; };
        (void)eqsr::read_picture(path, options);
      } else {
        (void)eqsr::StateDict::open(path, limits);
      }
    });
    expect(row, fields[1], found, fields[2],
           room(fields[3], std::stoull(fields[4]), std::filesystem::file_size(path), picture),
           fields[5]);
  }
}

void open_path(const std::string& row, const std::string& path, const std::string& code) {
  expect(row, path, outcome_of([&](Outcome&) { (void)eqsr::StateDict::open(path); }), code,
         64 << 10, "");
}

/// A1, A2, A8: what no table of bytes can hold.
void run_devices() {
  const TemporaryFolder folder;
  open_path("A1", folder.path("missing"), "io_error");
  const std::string secret = folder.write("secret", "xxxxxxxxx");
  std::filesystem::permissions(secret, std::filesystem::perms::none);
  if (::geteuid() != 0) open_path("A1", secret, "io_error");
  open_path("A2", folder.path(""), "not_regular_file");
  open_path("A2", "/dev/zero", "not_regular_file");
  const std::string pipe = folder.path("pipe"), name = folder.path("socket");
  ::mkfifo(pipe.c_str(), 0600);
  open_path("A2", pipe, "not_regular_file");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, name.c_str(), sizeof address.sun_path - 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  (void)::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
  open_path("A2", name, "not_regular_file");
  ::close(socket);

  // A file that is cut and filled again, again and again, while it is opened.
  const std::string header = R"({"w":{"dtype":"F32","shape":[500000],"data_offsets":[0,2000000]}})";
  const std::string whole = safetensors(header, std::string(2'000'000, 'w'));
  const std::string path = folder.write("changing", whole);
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) {
      if (::truncate(path.c_str(), 1000) != 0) return;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      (void)folder.write("changing", whole);
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  });
  rows.try_emplace("A8", true);
  for (int i = 0; i < 300; ++i) {
    const Outcome found = outcome_of([&](Outcome&) {
      const auto dict = eqsr::StateDict::open(path);
      if (dict.at("w").to_bytes().size() != 2'000'000) complain("A8", "loads a part");
    });
    // What the other thread holds meanwhile looks like a leak.
    const std::string code = found.code.substr(0, found.code.find(' '));
    const std::string codes = " none truncated io_error out_of_range ";
    if (codes.find(" " + code + " ") == std::string::npos)
      complain("A8", "gives " + found.code + " (" + found.sentence + ")");
  }
  done = true;
  other.join();
  (void)folder.write("shrunk", whole);
  const eqsr::detail::InputFile open(folder.path("shrunk"));
  std::filesystem::resize_file(folder.path("shrunk"), 1000);
  expect("A8", "shrunk",
         outcome_of([&](Outcome&) { (void)eqsr::detail::read_safetensors(open, {}); }), "truncated",
         std::size_t{3} << 20, "now ends before");
}

int report() {
  std::size_t weights = 0, pictures = 0;
  for (const auto& [row, good] : rows) (row[0] == 'I' ? pictures : weights) += good ? 1 : 0;
  std::cout << "bad weight files: " << weights << "/101\nbad pictures: " << pictures << "/24\n";
  return weights == 101 && pictures == 24 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: corpus FOLDER\n";
    return 2;
  }
  run_files(argv[1]);
  run_devices();
  run_models();
  return report();
}
