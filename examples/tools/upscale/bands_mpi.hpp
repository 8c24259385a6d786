// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/interrupt.hpp"
#include "upscaler.hpp"

namespace tool {

/// Waits without taking a core, and hears signals.
inline void wait(MPI_Request request) {
  for (int done = 0;;) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done != 0) return;
    stop_if_interrupted();
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

inline void send(const void* data, std::size_t count, MPI_Datatype type, int to) {
  MPI_Request request;
  MPI_Isend(data, static_cast<int>(count), type, to, 0, MPI_COMM_WORLD, &request);
  wait(request);
}

inline void receive(void* data, std::size_t count, MPI_Datatype type, int from) {
  MPI_Request request;
  MPI_Irecv(data, static_cast<int>(count), type, from, 0, MPI_COMM_WORLD, &request);
  wait(request);
}

/// One picture in bands of rows, a band for each rank. Rank 0 uses it as any other upscaler, the
/// others `help`. Each runs the trunk and the passes over its own rows; what they tell one another
/// are the sums of the rows, added in the order of the rows. So the bits are those of one process.
class BandsUpscaler : public Upscaler {
 public:
  BandsUpscaler(Upscaler& here, int rank, int ranks) : here_(here), rank_(rank), ranks_(ranks) {}

  /// Rank 0: lets the others go.
  void dismiss() const {
    const Sizes none{};
    for (int to = 1; to < ranks_; ++to) send(&none, sizeof none, MPI_BYTE, to);
  }

  /// The other ranks: their band of every picture that rank 0 works on, until it has no more.
  void help() {
    for (;;) {
      Sizes s{};
      receive(&s, sizeof s, MPI_BYTE, 0);
      if (s.new_height == 0) return;
      std::vector<float> pixels(static_cast<std::size_t>(s.height) *
                                static_cast<std::size_t>(s.width) * 3);
      receive(pixels.data(), pixels.size(), MPI_FLOAT, 0);
      std::deque<std::pair<MPI_Request, std::vector<float>>> sent;
      const auto done = [&] {
        wait(sent.front().first);
        sent.pop_front();
      };
      const auto count = static_cast<std::size_t>(s.new_width) * 3;
      const auto row = [&](const float* values) {
        // Rank 0 reads the bands in turn; until then the rows wait here, up to some memory.
        while (sent.size() * count * sizeof(float) > 256'000'000) done();
        auto& [request, copy] =
            sent.emplace_back(MPI_REQUEST_NULL, std::vector<float>(values, values + count));
        MPI_Isend(copy.data(), static_cast<int>(count), MPI_FLOAT, 0, 0, MPI_COMM_WORLD, &request);
      };
      here_.run_rows(pixels, s, part(s), row,
                     [](double, std::string_view) { stop_if_interrupted(); });
      while (!sent.empty()) done();
    }
  }

  void run_rows(const std::vector<float>& pixels, const Sizes& s, const Part& /*whole*/,
                const Row& row, const Progress& progress) override {
    const int parts = parts_of(s);
    for (int to = 1; to < parts; ++to) {
      send(&s, sizeof s, MPI_BYTE, to);
      send(pixels.data(), pixels.size(), MPI_FLOAT, to);
    }
    // What goes wrong with the file must not leave the others waiting: it is thrown at the end.
    std::exception_ptr failed;
    const auto guarded = [&](const auto& f, auto... arguments) {
      if (failed) return;
      try {
        f(arguments...);
      } catch (const Interrupted&) {
        throw;
      } catch (...) {
        failed = std::current_exception();
      }
    };
    try {
      here_.run_rows(
          pixels, s, part(s), [&](const float* values) { guarded(row, values); },
          [&](double done, std::string_view stage) { guarded(progress, done, stage); });
    } catch (const std::exception& error) {  // the others cannot go on without these rows
      throw Lost{error.what()};
    }
    std::vector<float> values(static_cast<std::size_t>(s.new_width) * 3);
    for (int from = 1; from < parts; ++from) {
      const Part theirs = part_of(s, from, parts);
      for (long y = theirs.begin; y < theirs.end; ++y) {
        receive(values.data(), values.size(), MPI_FLOAT, from);
        guarded(row, values.data());
      }
    }
    if (failed) std::rethrow_exception(failed);
  }

  std::vector<float> run(const std::vector<float>& pixels, const Sizes& s, int alpha,
                         const Progress& progress) override {
    if (s.channels != 3) return here_.run(pixels, s, alpha, progress);
    std::vector<float> result;
    const auto count = static_cast<std::size_t>(s.new_width) * 3;
    result.reserve(count * static_cast<std::size_t>(s.new_height));
    const auto append = [&](const float* row) { result.insert(result.end(), row, row + count); };
    run_rows(pixels, s, {}, append, progress);
    return result;
  }

  std::size_t held(const Sizes& s) override { return here_.held(s); }
  void limit(std::size_t max_memory, int band_height) override {
    here_.limit(max_memory, band_height);
  }
  Need plan(const Sizes& sizes, bool rows) override { return here_.plan(sizes, rows); }
  void keep_trunk(const std::vector<float>& pixels, const Sizes& sizes,
                  const Progress& progress) override {
    here_.keep_trunk(pixels, sizes, progress);
  }
  std::vector<float> run_kept(const Sizes& sizes, const Progress& progress) override {
    return here_.run_kept(sizes, progress);
  }
  [[nodiscard]] std::string text() const override { return here_.text(); }
  [[nodiscard]] bool on_host() const override { return here_.on_host(); }

  /// An error that the other ranks cannot get over; no exception of the standard library, so that
  /// it ends the job.
  struct Lost {
    std::string sentence;
  };

 private:
  [[nodiscard]] int parts_of(const Sizes& s) const {
    return std::min(ranks_, (s.new_height + 1) / 2);
  }
  static Part part_of(const Sizes& s, int number, int parts) {
    const eqsr::RowPart rows = eqsr::row_part(s.new_height, number, parts);
    return {rows.begin, rows.end, {}};
  }
  /// This rank's rows, and how its sums meet the others'.
  [[nodiscard]] Part part(const Sizes& s) const {
    const int last = parts_of(s) - 1;
    Part part = part_of(s, rank_, last + 1);
    part.meet = [this, last](std::span<double> total, const std::function<void()>& add) {
      if (rank_ > 0) receive(total.data(), total.size(), MPI_DOUBLE, rank_ - 1);
      add();
      if (rank_ < last) {
        send(total.data(), total.size(), MPI_DOUBLE, rank_ + 1);
        receive(total.data(), total.size(), MPI_DOUBLE, last);
      } else {
        for (int to = 0; to < last; ++to) send(total.data(), total.size(), MPI_DOUBLE, to);
      }
    };
    return part;
  }

  Upscaler& here_;
  int rank_, ranks_;
};

}  // namespace tool
