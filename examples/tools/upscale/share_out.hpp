// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <future>
#include <memory>
#include <span>
#include <vector>

#include "common/progress.hpp"
#include "job_queue.hpp"
#include "options.hpp"
#include "upscaler.hpp"
#include "work.hpp"

namespace tool {

/// Every picture, on one device or shared out among several: each takes the next when it is free.
/// A device that fails is left out from then on, and the others do what it had not begun.
inline void share_out(std::span<const std::unique_ptr<Upscaler>> devices, const Options& options,
                      Progress& progress, std::span<const Job> jobs) {
  const std::size_t count = devices.size();
  JobQueue queue(jobs, count);
  const auto work = [&](std::size_t device) {
    return Work(*devices[device], options, progress, count).run(queue, device);
  };
  std::vector<std::future<bool>> threads;
  for (std::size_t device = 1; device < count; ++device)
    threads.push_back(std::async(std::launch::async, work, device));
  std::vector<bool> sound{work(0)};
  for (auto& thread : threads) sound.push_back(thread.get());
  for (std::size_t device = 0; device < count; ++device)
    if (sound[device]) work(device);  // what was given back when the others had ended
  while (const Job* job = queue.take())
    progress.failed({job->from.string(), job->to.front().string()},
                    {"device_error", job->from.string() + ": No device is left to compute it."});
}

}  // namespace tool
