// SPDX-License-Identifier: Apache-2.0
// upscale_mpi: a folder enlarged by many machines. The command line is that of `upscale`:
//
//   mpirun -n 5 upscale_mpi -i photos -o large -s 2.5 --skip-existing
//
// Rank 0 hands out the pictures, one at a time, to whoever is free; the others compute. Fewer
// pictures than ranks are computed one after the other, each in bands of rows, a band for each
// rank. The files have the bits of one process. When a rank is lost, MPI ends the job: rank 0 names
// what is not done, and the same command with --skip-existing finishes it.
#include <eqsr/eqsr.hpp>
#include <eqsr/io/image.hpp>

#include <mpi.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bands_mpi.hpp"
#include "common/interrupt.hpp"
#include "common/isa.hpp"
#include "common/progress.hpp"
#include "common/system.hpp"
#include "files.hpp"
#include "open.hpp"
#include "options.hpp"
#include "work.hpp"

namespace tool { namespace {

enum class State { waiting, given, done, failed };
constexpr int no_more = -1;

/// What a worker says: the job it had (or no_more, at first) and how it went.
struct Answer {
  int job = no_more, failed = 0;
};

/// Names what is not done; the result is the exit code.
int tell(const std::vector<Job>& jobs, const std::vector<State>& states) {
  std::size_t missing = 0;
  for (const State state : states) missing += state == State::done ? 0 : 1;
  if (missing == 0) return ok;
  std::fprintf(stderr, "upscale_mpi: %zu of %zu images are not done:\n", missing, jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i)
    if (states[i] != State::done)
      std::fprintf(stderr, "  %s%s\n", jobs[i].from.c_str(),
                   states[i] == State::failed  ? " (failed)"
                   : states[i] == State::given ? " (was being computed)"
                                               : "");
  if (interrupted_by == 0) return images_failed;
  std::fputs(
      "upscale_mpi: Interrupted, or a rank was lost. The same command with "
      "--skip-existing does the rest.\n",
      stderr);
  return 128 + static_cast<int>(interrupted_by);
}

/// Rank 0: a job for each worker that asks, until all are answered for.
int hand_out(const std::vector<Job>& jobs, int workers) {
  std::vector<State> states(jobs.size(), State::waiting);
  std::size_t next = 0;
  while (workers > 0 && interrupted_by == 0) {
    int there = 0;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &there, &status);
    if (there == 0) {  // MPI_Recv would take a core while it waits, and not hear signals
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    Answer answer;
    MPI_Recv(&answer, 2, MPI_INT, status.MPI_SOURCE, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (answer.job != no_more)
      states[static_cast<std::size_t>(answer.job)] =
          answer.failed != 0 ? State::failed : State::done;
    const int given = next < jobs.size() ? static_cast<int>(next++) : no_more;
    if (given == no_more)
      --workers;
    else
      states[static_cast<std::size_t>(given)] = State::given;
    MPI_Send(&given, 1, MPI_INT, status.MPI_SOURCE, 0, MPI_COMM_WORLD);
  }
  return tell(jobs, states);
}

/// The other ranks: asks, computes, answers.
void compute(Upscaler& upscaler, const Options& options, const std::vector<Job>& jobs) {
  for (Answer answer;;) {
    int given = no_more;
    MPI_Send(&answer, 2, MPI_INT, 0, 0, MPI_COMM_WORLD);
    MPI_Recv(&given, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (given == no_more) return;
    Progress progress(options.progress == Style::bar ? Style::none : options.progress,
                      options.verbose);
    Work(upscaler, options, progress).run({&jobs[static_cast<std::size_t>(given)], 1});
    answer = {given, progress.failures().empty() ? 0 : 1};
  }
}

/// One picture after the other, each in bands, one for each rank.
int in_bands(Upscaler& upscaler, const Options& options, const std::vector<Job>& jobs, int rank,
             int ranks) {
  BandsUpscaler bands(upscaler, rank, ranks);
  if (rank > 0) {
    upscaler.limit(options.max_memory, options.band_height);
    bands.help();
    return ok;
  }
  std::vector<State> states(jobs.size(), State::waiting);
  std::mutex guard;
  const auto mark = [&](std::size_t job, State state) {
    const std::scoped_lock lock(guard);
    states[job] = state;
  };
  int code = ok;
  std::optional<BandsUpscaler::Lost> lost;
  {
    // MPI kills a second after it has asked to end: too soon for a rank that computes to notice.
    std::jthread teller([&](const std::stop_token& over) {
      while (interrupted_by == 0 && !over.stop_requested())
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const std::scoped_lock lock(guard);
      code = tell(jobs, states);
    });
    Progress progress(options.progress, options.verbose);
    try {
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        const std::size_t failed = progress.failures().size();
        mark(i, State::given);
        Work(bands, options, progress).run({&jobs[i], 1});
        mark(i, progress.failures().size() == failed ? State::done : State::failed);
      }
      bands.dismiss();
    } catch (const Interrupted&) {
    } catch (const BandsUpscaler::Lost& what) {
      lost = what;
    }
  }
  if (lost) throw *lost;
  return code;
}

int share_out(Upscaler& upscaler, const Options& options, const std::vector<Job>& jobs, int rank,
              int ranks) {
  if (ranks == 1) {
    Progress progress(options.progress, options.verbose);
    Work(upscaler, options, progress).run(jobs);
    return progress.failures().empty() ? ok : images_failed;
  }
  if (jobs.size() < static_cast<std::size_t>(ranks))
    return in_bands(upscaler, options, jobs, rank, ranks);
  if (rank == 0) return hand_out(jobs, ranks - 1);
  compute(upscaler, options, jobs);
  return ok;
}

Jobs list(const Options& options, int rank) {
  try {
    Jobs jobs = list_jobs(options);
    if (rank > 0) return jobs;
    expect_sound(jobs, options);
    for (const std::string& note : options.notes)
      std::fprintf(stderr, "upscale_mpi: note: %s\n", note.c_str());
    if (!jobs.left_out.empty())
      std::fprintf(stderr, "upscale_mpi: note: %s\n", jobs.left_out.c_str());
    return jobs;
  } catch (const std::filesystem::filesystem_error& error) {  // a folder that may not be read
    throw eqsr::Error("usage", error.what());
  }
}

/// Rank 0, for all: what cannot be written is said before anything is computed.
void prepare(const OutputPlan& plan) {
  try {
    plan.prepare();
  } catch (const std::exception& error) {
    throw eqsr::Error("output", error.what());
  }
}

int run(Options options, int rank, int ranks) {
  // Every rank lists the folder; numbers of jobs mean the same only if the lists are the same.
  const Jobs all = list(options, rank);
  const std::vector<Job>& jobs = all.mine;
  unsigned long long list[2] = {jobs.size(), 0};
  for (const Job& job : jobs) list[1] = list[1] * 31 + std::hash<std::string>{}(job.from.string());
  unsigned long long first[2] = {list[0], list[1]};
  MPI_Bcast(first, 2, MPI_UNSIGNED_LONG_LONG, 0, MPI_COMM_WORLD);
  EQSR_EXPECTS(first[0] == list[0] && first[1] == list[1], "usage", "Rank ", rank,
               " sees other pictures than rank 0 does. Every machine must see the same folder.");
  MPI_Barrier(MPI_COMM_WORLD);  // nobody writes while another still lists

  // Ranks share a machine's cores and memory unless they are given.
  MPI_Comm machine = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &machine);
  int neighbours = 1;
  MPI_Comm_size(machine, &neighbours);
  MPI_Comm_free(&machine);
  if (options.max_memory == 0)
    options.max_memory = eqsr::free_memory() / 2 / static_cast<std::size_t>(neighbours);
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  eqsr::Context<eqsr::Cpu> ctx(options.threads > 0 ? options.threads
                                                   : std::max(1, cores / neighbours));
  restrict_isa(ctx);
  const std::string path = weights_file(options.weights, options.network);
  const auto upscaler = open_on_cpu(ctx, options, path);
  if (rank == 0) prepare(all.plan);
  return share_out(*upscaler, options, jobs, rank, ranks);
}

}}  // namespace tool

int main(int argc, char** argv) {
  argv = tool::start_program(argc, argv);
  tool::Options options;
  if (const auto exit = tool::parse(argc, argv, options, true)) return *exit;
  MPI_Init(&argc, &argv);
  tool::listen_for_interrupts();
  int rank = 0, ranks = 1, code = tool::weights_failed;
  bool finished = false;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  try {
    code = tool::run(options, rank, ranks);
    finished = tool::interrupted_by == 0;
  } catch (const tool::Interrupted&) {
    code = 128 + static_cast<int>(tool::interrupted_by);
  } catch (const tool::BandsUpscaler::Lost& lost) {
    code = tool::images_failed;
    std::fprintf(stderr, "upscale_mpi: %s\n", lost.sentence.c_str());
  } catch (const std::exception& error) {
    const auto* known = dynamic_cast<const eqsr::Error*>(&error);
    if (known != nullptr && known->code() == "usage") code = tool::usage;
    if (known != nullptr && known->code() == "output") code = tool::images_failed;
    std::fprintf(stderr, "upscale_mpi: %s\n", error.what());
  }
  // An abnormal end of one must not leave the others waiting.
  if (finished)
    MPI_Finalize();
  else
    MPI_Abort(MPI_COMM_WORLD, code);
  return code;
}
