// SPDX-License-Identifier: Apache-2.0
// Every row of the tables of bad files in docs/reliability.md: the code, the sentence, the memory
// taken before it, the time. Most files come from make.py; rows that need a device, a race or a
// network are made here.
//
//     corpus FOLDER      the folder that make.py has filled
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "../io/builder.hpp"
#include "../support/allocation.hpp"
#include "../support/synthetic.hpp"
#include "../tiny.hpp"

namespace {

using namespace eqsr_test;
using Strings = std::vector<std::string>;

std::map<std::string, bool> rows;  // by name, whether all went well

void complain(const std::string& row, const std::string& what) {
  rows[row] = false;
  std::cout << row << ": " << what << "\n";
}

struct Outcome {
  std::string code = "none", sentence;
  std::size_t heap = 0;
  double seconds = 0;
};

template <class F>
Outcome outcome_of(F&& open) {
  Outcome outcome;
  outcome.sentence.reserve(1 << 16);
  const auto start = std::chrono::steady_clock::now();
  heap_reset_peak();
  const std::size_t before = heap_now();
  try {
    open(outcome);
  } catch (const eqsr::Error& error) {
    outcome.heap = heap_peak() - before;
    outcome.code = error.code();
    outcome.sentence = error.what();
  }
  if (heap_now() > before + 1024) outcome.code += " and a leak";
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  outcome.seconds = took.count();
  return outcome;
}

Strings split(const std::string& text, char at) {
  Strings parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

void expect(const std::string& row, const std::string& file, const Outcome& found,
            const std::string& codes, std::size_t most, const std::string& word) {
  rows.try_emplace(row, true);
  const Strings allowed = split(codes, ' ');
  const auto is = [&](const std::string& code) { return code == found.code; };
  if (std::none_of(allowed.begin(), allowed.end(), is))
    complain(row, file + " gives " + found.code + ", not " + codes + " (" + found.sentence + ")");
  if (codes != "none" && (found.sentence.size() < 30 || found.sentence.back() != '.'))
    complain(row, file + " gives no sentence: " + found.sentence);
  if (found.sentence.find(word) == std::string::npos)
    complain(row, file + " gives a sentence without \"" + word + "\": " + found.sentence);
  for (const char c : found.sentence)
    if (c < ' ' || c > '~') complain(row, file + " gives a sentence with foreign bytes");
  if (found.heap > most)
    complain(row, file + " takes " + std::to_string(found.heap) + " bytes, at most " +
                      std::to_string(most) + " are allowed");
#if !defined(__SANITIZE_ADDRESS__) && !defined(EQSR_SLOW)
  if (found.seconds > 1.0) complain(row, file + " takes " + std::to_string(found.seconds) + " s");
#endif
}

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
    const std::string codes = "none truncated io_error out_of_range";
    if ((" " + codes + " ").find(" " + found.code + " ") == std::string::npos)
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

eqsr::StateDict parameters(bool with_indices = true) {
  eqsr::StateDict dict;
  const eqsr::Net<eqsr::tiny, eqsr::Cpu> net;
  eqsr::for_each_parameter(net, [&](const std::string& name, const auto& tensor) {
    const auto extents = eqsr::shape_of(tensor);
    const eqsr::StateDict::Shape shape(extents.begin(), extents.end());
    dict.insert(name, shape, synthetic_parameter(name, shape));
  });
  if (with_indices) {
    const std::int64_t M = eqsr::tiny.window, keys = eqsr::tiny.key_window();
    for (const auto& [n, name] : {std::pair(M, "relative_position_index_SA"),
                                  std::pair(keys, "relative_position_index_OCA")}) {
      auto bytes = eqsr::detail::allocate_bytes(static_cast<std::uint64_t>(M * M * n * n) * 8);
      auto* values = reinterpret_cast<std::int64_t*>(bytes.get());
      for (std::int64_t i = 0; i < M * M; ++i)
        for (std::int64_t j = 0; j < n * n; ++j) {
          const std::int64_t sign = n == M ? 1 : -1, shift = n == M ? M - 1 : M - n + 1;
          *values++ =
              (sign * (i / M - j / n) + shift) * (M + n - 1) + sign * (i % M - j % n) + shift;
        }
      dict.insert(name, eqsr::StoredTensor(eqsr::Dtype::i64, {M * M, n * n}, bytes, name));
    }
  }
  return dict;
}

/// The same with one tensor replaced, or left out for an empty shape list.
template <class Change>
eqsr::StateDict changed(const eqsr::StateDict& from, Change&& change) {
  eqsr::StateDict to;
  for (const auto& entry : from)
    if (!change(entry, to)) to.insert(entry.name, entry.tensor);
  to.metadata() = from.metadata();
  return to;
}

void load_dict(const std::string& row, const eqsr::StateDict& dict, const std::string& code,
               const std::string& word = "") {
  const TemporaryFolder folder;
  const std::string path = folder.path("weights");
  eqsr::write_safetensors(path, dict);
  eqsr::Context<eqsr::Cpu> ctx(1);
  expect(row, "weights", outcome_of([&](Outcome&) { (void)eqsr::load<eqsr::tiny>(ctx, path); }),
         code, std::size_t{1} << 40, word);
}

/// G1 to G7: files that are sound, but no weights of this network.
void run_models() {
  const eqsr::StateDict good = parameters();
  const std::string first = "conv_first.weight", index = "relative_position_index_";
  load_dict("G1", good, "none");
  const auto without = [&](const std::string& name) {
    return changed(good, [&](const auto& entry, auto&) { return entry.name == name; });
  };
  load_dict("G1", without(first), "missing_tensor", first);
  eqsr::StateDict extra = good;
  extra.insert("../../etc/passwd", {2}, {1, 2});
  load_dict("G1", extra, "unexpected_tensor", "etc/passwd");
  load_dict("C15", extra, "unexpected_tensor", "etc/passwd");
  eqsr::StateDict bent = without(first);
  bent.insert(first, {2, 3}, {1, 2, 3, 4, 5, 6});
  load_dict("G1", bent, "shape_mismatch", "[2, 3]");

  namespace p = eqsr_test::pickle;
  const std::string w = p::text("w") + p::tensor(p::storage("0", 1), 0, {1}, {1});
  const std::string v = p::text("w") + p::tensor(p::storage("1", 1), 0, {1}, {1});
  const Storages both{{"0", floats({1})}, {"1", floats({2})}};
  const TemporaryFolder folder;
  const auto open = [&](const std::string& object) {
    return eqsr::StateDict::open(
        folder.write("both", pth_zip(p::whole(p::dict(object)), both).bytes));
  };
  rows.try_emplace("G2", true);
  const auto ema = open(p::text("params") + p::dict(w) + p::text("params_ema") + p::dict(v));
  if (ema.unwrapped() != "params_ema" || ema.at("w").to_float()[0] != 2)
    complain("G2", "params_ema is not preferred");
  expect("G2", "neither",
         outcome_of([&](Outcome&) { (void)open(p::text("epoch") + p::integer(3)); }),
         "ambiguous_model", std::size_t{1} << 40, "epoch");

  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    const auto poisoned = changed(good, [&](const auto& entry, auto& to) {
      if (entry.name != first) return false;
      auto values = entry.tensor.to_float();
      values[7] = bad;
      to.insert(first, entry.tensor.shape(), values);
      return true;
    });
    load_dict("G3", poisoned, "nonfinite_weight", "element 7 of conv_first.weight");
  }
  const auto with_integers = [&](const std::string& name, std::size_t at, std::int64_t value) {
    return changed(good, [&](const auto& entry, auto& to) {
      if (entry.name != name) return false;
      auto bytes = eqsr::detail::allocate_bytes(entry.tensor.numel() * 8);
      auto* integers = reinterpret_cast<std::int64_t*>(bytes.get());
      for (std::size_t i = 0; i < entry.tensor.numel(); ++i) integers[i] = 0;
      if (!eqsr::is_floating(entry.tensor.dtype())) {
        const auto values = entry.tensor.to_int64();
        std::copy(values.begin(), values.end(), integers);
      }
      integers[at] = value;
      to.insert(name, eqsr::StoredTensor(eqsr::Dtype::i64, entry.tensor.shape(), bytes, name));
      return true;
    });
  };
  load_dict("G4", with_integers(first, 0, 1), "dtype_mismatch", first);
  for (const char* kind : {"SA", "OCA"})
    for (const std::int64_t bad : {std::int64_t{-100}, std::int64_t{-1}, std::int64_t{1} << 40})
      load_dict("G5", with_integers(index + kind, 70, bad), "bad_index", "Element 70");
  load_dict("G5", without(index + "SA"), "none");

  const auto configured = [&](const std::string& text) {
    eqsr::StateDict dict = good;
    dict.metadata()["configuration"] = text;
    return dict;
  };
  load_dict("G6", configured(R"({"channels":24,"depths":[3,2],"heads":2,"window":8})"), "none");
  for (const char* text : {R"({"depths":[1000000]})", R"({"heads":0})", R"({"heads":7})",
                           R"({"window":0})", R"({"channels":1e9})", R"({"magic":1})"})
    load_dict("G6", configured(text), "bad_config");

  for (const double scale : {0.0, -2.0, std::nan(""), 1e9, HUGE_VAL}) {
    expect("G7", "scale", outcome_of([&](Outcome&) {
             (void)eqsr::resolve(scale == 0 ? eqsr::Target{.scale_y = 2, .scale_x = 0}
                                            : eqsr::Target{.scale = scale},
                                 48, 48);
           }),
           "bad_argument limit_exceeded", 64 << 10, "scale");
  }
  expect("G7", "size",
         outcome_of([&](Outcome&) { (void)eqsr::resolve({.height = 1 << 25, .width = 9}, 4, 4); }),
         "limit_exceeded", 64 << 10, "");
}

int report() {
  std::size_t weights = 0, pictures = 0;
  for (const auto& [row, good] : rows) (row[0] == 'I' ? pictures : weights) += good ? 1 : 0;
  std::cout << "bad weight files: " << weights << "/99\nbad pictures: " << pictures << "/24\n";
  return weights == 99 && pictures == 24 ? 0 : 1;
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
