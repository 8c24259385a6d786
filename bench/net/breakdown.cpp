// SPDX-License-Identifier: Apache-2.0
// Where the time of whole networks goes, by kind of work: time, executed operations, and what these
// would take at the rate of the packed product on this machine. Prints one table for each network
// and instruction set:
//
//     breakdown [SIDE [THREADS [SECONDS]]]
//
// SIDE x SIDE pixels are enlarged four times, for SECONDS each. The kinds are those of diary.hpp.
// Time is the threads' own, so that other programs on the machine do not count; what threads wait
// follows from the tasks' times, each given to the thread that is free first.
#include "observed.hpp"

#include <eqsr/eqsr.hpp>

#include "support/module.hpp"

#include <algorithm>  // sort
#include <cstdio>
#include <cstdlib>
#include <numeric>  // accumulate

namespace {

using namespace eqsr_bench;

struct Options {
  int side = 64, threads = 2;
  double seconds = 3;
};

/// What some passes took: by the clock, and the sums of all threads.
struct Measured {
  int passes = 0;
  double wall = 0;
  Diaries::Sums sums;

  [[nodiscard]] double busy() const {
    return std::accumulate(sums.seconds.begin(), sums.seconds.end(), 0.0);
  }
  [[nodiscard]] double products() const {
    double all = 0;
    for (const auto work : {Work::linear, Work::convolution, Work::attention})
      all += sums.operations[static_cast<std::size_t>(work)];
    return all;
  }
};
template <class Pass>
Measured measured(double seconds, const Pass& pass) {
  using Clock = std::chrono::steady_clock;
  const Doing serial(Work::serial);
  pass();
  Measured result;
  Diaries::all().begin();
  const auto start = Clock::now();
  do {
    pass();
    ++result.passes;
    result.wall = std::chrono::duration<double>(Clock::now() - start).count();
  } while (result.wall < seconds);
  result.sums = Diaries::all().sums();
  return result;
}

/// Operations a second of processor time of the packed product alone, on matrices that stay in the
/// second-level cache.
double product_rate(eqsr::Context<eqsr::Cpu>& ctx, double seconds) {
  constexpr int n = 256, rows = 192;
  const eqsr::cpu::PackedWeights weights(n, n);
  const std::vector<float> x(static_cast<std::size_t>(n) * rows, 1.0f);
  std::vector<float> y(x.size() * static_cast<std::size_t>(ctx.threads()));
  const Measured found = measured(seconds, [&] {
    ctx.parallel_for(8 * ctx.threads(), [&](eqsr::Index, int thread) {
      eqsr::cpu::dense(eqsr::loops_of(ctx.isa()), eqsr::Rows<const float>(x.data(), rows, n),
                       weights, y.data() + thread * rows * n);
    });
  });
  return found.products() / found.busy();
}

template <eqsr::Config config>
void break_down(const char* name, eqsr::Isa isa, const Options& options) {
  eqsr::Context<eqsr::Cpu> ctx(options.threads);
  ctx.use(isa);
  eqsr::Net<config, eqsr::Cpu> net;
  eqsr_test::fill(net);
  const auto low = eqsr_test::image_map("input", options.side, options.side);
  const eqsr::Image image{options.side, options.side, 3, low.values};
  // The rate and the network in turn. Others on the machine slow down both: the turn in the middle.
  struct Turn {
    double rate;
    Measured found;
    [[nodiscard]] double share() const { return found.products() / found.busy() / rate; }
  };
  std::vector<Turn> turns;
  for (int i = 0; i < 5; ++i)
    turns.push_back({product_rate(ctx, options.seconds / 20), measured(options.seconds / 5, [&] {
                       (void)eqsr::upscale(ctx, net, image, {.scale = 4});
                     })});
  std::sort(turns.begin(), turns.end(),
            [](const Turn& a, const Turn& b) { return a.share() < b.share(); });
  Turn& middle = turns[turns.size() / 2];
  const double rate = middle.rate;
  Measured& found = middle.found;
  auto& [seconds, operations, loops] = found.sums;
  const double products = found.products(),
               wall = seconds[1] + list_schedule(loops, options.threads);
  const double whole = wall * options.threads;
  seconds[0] += whole - found.busy();

  std::printf(
      "\n`%s`, %s, %d² to %d²: %.1f ms on %d threads, %.1f ms by the clock. The packed product "
      "alone: "
      "%.1f GFLOP/s a thread.\n\n"
      "| work | ms of a thread | of the time | GFLOP/s | at the product's rate |\n"
      "| --- | --- | --- | --- | --- |\n",
      name, eqsr::isa_name(isa), options.side, 4 * options.side, wall / found.passes * 1e3,
      options.threads, found.wall / found.passes * 1e3, rate * 1e-9);
  const auto row = [&](const char* what, double time, double flops) {
    std::printf("| %s | %.2f | %.1f %% |", what, time / found.passes * 1e3, time / whole * 100);
    if (flops > 0)
      std::printf(" %.1f | %.1f %% |\n", flops / time * 1e-9, flops / rate / whole * 100);
    else
      std::printf(" | |\n");
  };
  for (std::size_t i = 0; i < kinds; ++i) row(names[i], seconds[i], operations[i]);
  row("**all, and the operations of products**", whole, products);

  double computed = products / rate;
  for (const auto work :
       {Work::transforms, Work::activation, Work::norm, Work::softmax, Work::involution})
    computed += seconds[static_cast<std::size_t>(work)];
  std::printf(
      "\nIf nothing took time but products, at the rate of the packed one, and what is computed "
      "between them (transforms, activations, norms, softmax, involution), products would be "
      "%.1f %%.\n",
      products / rate / computed * 100);
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  if (count > 1) options.side = std::atoi(arguments[1]);
  if (count > 2) options.threads = std::atoi(arguments[2]);
  if (count > 3) options.seconds = std::atof(arguments[3]);
  try {
    for (const eqsr::Isa isa : {eqsr::Isa::avx512, eqsr::Isa::avx2, eqsr::Isa::portable})
      if (isa <= eqsr::best_isa() && isa >= eqsr::lowest_isa) {
        break_down<eqsr::lite>("lite", isa, options);
        break_down<eqsr::base>("base", isa, options);
      }
  } catch (const eqsr::Error& error) {
    std::fprintf(stderr, "breakdown: %s\n", error.what());
    return 2;
  }
}
