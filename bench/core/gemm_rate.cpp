// SPDX-License-Identifier: Apache-2.0
// The machine's rate of matrix products, the measure that networks are compared with: Eigen's
// float product of 1024 x 1024 matrices on each of several threads at once. Prints one JSON line.
#include <Eigen/Core>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

int main(int count, char** arguments) {
  constexpr int n = 1024, repeats = 15;
  const int threads = count > 1 ? std::max(1, std::atoi(arguments[1])) : 2;
  std::vector<double> rates(static_cast<std::size_t>(threads));
  std::barrier start(threads);
  {
    std::vector<std::jthread> workers;
    for (double& rate : rates)
      workers.emplace_back([&] {
        const Eigen::MatrixXf a = Eigen::MatrixXf::Random(n, n), b = Eigen::MatrixXf::Random(n, n);
        Eigen::MatrixXf c(n, n);
        c.noalias() = a * b;
        start.arrive_and_wait();
        std::vector<double> seconds;
        for (int i = 0; i < repeats; ++i) {
          const auto begin = std::chrono::steady_clock::now();
          c.noalias() = a * b;
          seconds.push_back(
              std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        }
        std::sort(seconds.begin(), seconds.end());
        rate = 2.0 * n * n * n / seconds[repeats / 2] * 1e-9;
      });
  }
  double sum = 0;
  for (const double rate : rates) sum += rate;
  std::printf("{\"threads\": %d, \"gflops\": %.1f}\n", threads, sum);
}
