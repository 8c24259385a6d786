// SPDX-License-Identifier: Apache-2.0
// How whole networks would run on more cores than this machine has: the tasks of every parallel
// loop are run here, with as many threads as the cores that are asked about, and measured in their
// own thread's time; then each is given to the core that is free first, loop after loop, and the
// parts between the loops are added. What this leaves out: the time to wake threads, and caches and
// memory that cores share. Prints two tables for each network, of speed and of what stops it:
//
//     scaling [SIDE [SECONDS]]
#include "observed.hpp"

#include <eqsr/eqsr.hpp>

#include "support/module.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>

namespace {

using namespace eqsr_bench;

/// One pass: the serial part, and the tasks of its loops.
struct Pass {
  double serial = 0;
  std::vector<Loop> loops;

  [[nodiscard]] double work() const {
    double sum = serial;
    for (const Loop& loop : loops)
      for (const double task : loop.tasks) sum += task;
    return sum;
  }
  [[nodiscard]] double on(int cores) const { return serial + list_schedule(loops, cores); }
  /// The same if each task could be cut in two.
  [[nodiscard]] Pass halved() const {
    Pass result = *this;
    for (Loop& loop : result.loops) {
      for (double& task : loop.tasks) task /= 2;
      loop.tasks.insert(loop.tasks.end(), loop.tasks.begin(), loop.tasks.end());
    }
    return result;
  }
};

/// The fastest of some passes with that many threads.
template <eqsr::Config config>
Pass fastest(const eqsr::Net<config, eqsr::Cpu>& net, const eqsr::Image& image, int threads,
             double seconds) {
  eqsr::Context<eqsr::Cpu> ctx(threads);
  const Doing serial(Work::serial);
  (void)eqsr::upscale(ctx, net, image, {.scale = 4});
  Pass best;
  const auto start = std::chrono::steady_clock::now();
  do {
    Diaries::all().begin();
    (void)eqsr::upscale(ctx, net, image, {.scale = 4});
    const Diaries::Sums sums = Diaries::all().sums();
    Pass pass{sums.seconds[static_cast<std::size_t>(Work::serial)], sums.loops};
    if (best.loops.empty() || pass.work() < best.work()) best = std::move(pass);
  } while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() <
           seconds);
  return best;
}

/// What the cores wait for at the ends of loops, by the kernel that the loop belongs to.
void print_waits(const Pass& pass, int cores) {
  struct Wait {
    double seconds = 0;
    int loops = 0;
    std::size_t fewest = ~std::size_t{0};
  };
  std::map<std::string, Wait> waits;
  for (const Loop& loop : pass.loops) {
    if (loop.tasks.empty()) continue;
    double work = 0;
    for (const double task : loop.tasks) work += task;
    Wait& wait = waits[loop.name];
    wait.seconds += list_schedule({loop}, cores) - work / cores;
    wait.fewest = (std::min)(wait.fewest, loop.tasks.size());
    ++wait.loops;
  }
  const double whole = pass.on(cores);
  std::printf(
      "\nWhat %d cores wait for:\n\n| loops of | loops | tasks of the smallest | of the time |\n"
      "| --- | --- | --- | --- |\n| the parts between loops | | | %.0f %% |\n",
      cores, pass.serial * (cores - 1) / cores / whole * 100);
  for (const auto& [name, wait] : waits)
    if (wait.seconds > 0.01 * whole)
      std::printf("| `%s` | %d | %zu | %.0f %% |\n", name.c_str(), wait.loops, wait.fewest,
                  wait.seconds / whole * 100);
}

template <eqsr::Config config>
void scale(const char* name, int side, double seconds) {
  eqsr::Net<config, eqsr::Cpu> net;
  eqsr_test::fill(net);
  const auto low = eqsr_test::image_map("input", side, side);
  const eqsr::Image image{side, side, 3, low.values};
  const double one = fastest<config>(net, image, 1, seconds).on(1);
  std::printf(
      "\n`%s`, %d² to %d²: %.1f ms on one core.\n\n"
      "| cores | ms | times as fast | of the cores | with tasks half as large |\n"
      "| --- | --- | --- | --- | --- |\n",
      name, side, 4 * side, one * 1e3);
  Pass sixteen, last;
  for (const int cores : {2, 4, 8, 16, 32, 64}) {
    last = fastest<config>(net, image, cores, seconds);
    std::printf("| %d | %.2f | %.1f | %.0f %% | %.1f |\n", cores, last.on(cores) * 1e3,
                one / (last.on(cores)), one / (last.on(cores)) / cores * 100,
                one / (last.halved().on(cores)));
    if (cores == 16) sixteen = last;
  }
  print_waits(sixteen, 16);
  print_waits(last, 64);
}

}  // namespace

int main(int count, char** arguments) {
  const int side = count > 1 ? std::atoi(arguments[1]) : 64;
  const double seconds = count > 2 ? std::atof(arguments[2]) : 2;
  scale<eqsr::lite>("lite", side, seconds);
  scale<eqsr::base>("base", side, seconds);
}
